/* Loops of random length and weight from several callers on one pool, with pools that come and go meanwhile; every iteration must run exactly
 * once, with room for 12 MiB on the stack of a worker. Arguments: threads, rounds. */
#define _GNU_SOURCE
#include "tilewright_runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 64, CALLERS = 2 };

typedef struct {
    tw_pool *pool;
    uint32_t seed;
    int32_t rounds;
    int32_t wrong;
} caller_state;

static uint32_t draw(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void body(void **params, int64_t lo, int64_t hi) {
    int64_t *counts = params[0], weight = *(int64_t *)params[1];
    for (int64_t i = lo; i < hi; i++) {
        volatile double x = 1.0;
        for (int64_t k = 0; k < weight; k++) x = x * 1.0001;
        counts[i] += 1;
    }
}

static void *call(void *argument) {
    caller_state *state = argument;
    int64_t counts[LONGEST] = {0}, wanted[LONGEST] = {0}, weight;
    void *params[] = {counts, &weight};
    for (int32_t round = 0; round < state->rounds; round++) {
        int64_t count = draw(&state->seed) % (LONGEST + 1);
        weight = draw(&state->seed) % 4 ? draw(&state->seed) % 50 : draw(&state->seed) % 2000;
        if (draw(&state->seed) % 64 == 0) { /* long enough for the workers to park */
            struct timespec pause = {0, 200000};
            nanosleep(&pause, NULL);
        }
        tw_parallel_for(state->pool, body, params, count);
        for (int64_t i = 0; i < count; i++) wanted[i] += 1;
        for (int64_t i = 0; i < LONGEST; i++) state->wrong += counts[i] != wanted[i];
    }
    return NULL;
}

enum { SCRATCH_BYTES = 12 << 20 };

__attribute__((noinline)) static int64_t touch_stack(void) {
    volatile char scratch[SCRATCH_BYTES];
    for (int32_t i = SCRATCH_BYTES - 1; i >= 0; i -= 4096) scratch[i] = 1;
    return scratch[SCRATCH_BYTES - 1];
}

static void use_stack(void **params, int64_t lo, int64_t hi) {
    struct timespec pause = {0, 2000000}; /* so that the workers get their part; the caller's stack is what the system gives */
    int64_t once = 1;
    if (pthread_equal(pthread_self(), *(pthread_t *)params[1])) nanosleep(&pause, NULL);
    else once = touch_stack();
    for (int64_t i = lo; i < hi; i++) ((int64_t *)params[0])[i] += once;
}

static int32_t wrong_with_much_scratch(tw_pool *pool) {
    int64_t counts[LONGEST] = {0};
    int32_t wrong = 0;
    pthread_t self = pthread_self();
    void *params[] = {counts, &self};
    tw_parallel_for(pool, use_stack, params, LONGEST);
    for (int32_t i = 0; i < LONGEST; i++) wrong += counts[i] != 1;
    return wrong;
}

/* A pool that is ended right after its first loops. */
static int32_t wrong_in_short_lives(int32_t threads) {
    int32_t wrong = 0;
    for (uint32_t life = 0; life < 50; life++) {
        tw_pool *pool = tw_pool_create(threads);
        caller_state state = {pool, life, (int32_t)(life % 3), 0};
        call(&state);
        wrong += state.wrong;
        tw_pool_destroy(pool);
    }
    return wrong;
}

/* A forked child has the pool's memory but none of its threads. */
static int32_t wrong_after_fork(tw_pool *pool) {
    pid_t child = fork();
    if (child == 0) {
        caller_state state = {pool, 7, 20, 0};
        call(&state);
        int32_t wrong = state.wrong;
#ifndef NO_THREADS_AFTER_FORK
        wrong += wrong_in_short_lives(2); /* it may have pools of its own */
#endif
        tw_pool_destroy(pool);
        _exit(wrong != 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status != 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    tw_pool *pool = tw_pool_create(atoi(argv[1]));
    pthread_t threads[CALLERS];
    caller_state states[CALLERS];
    for (int32_t i = 0; i < CALLERS; i++) {
        states[i] = (caller_state){pool, 17u * (uint32_t)i + 1u, atoi(argv[2]), 0};
        pthread_create(&threads[i], NULL, call, &states[i]);
    }
    int32_t wrong = wrong_in_short_lives(atoi(argv[1]));
    for (int32_t i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        wrong += states[i].wrong;
    }
    wrong += wrong_with_much_scratch(pool) + wrong_after_fork(pool);
    printf("%d threads, %d wrong\n", tw_pool_threads(pool), wrong);
    tw_pool_destroy(pool);
    return wrong != 0;
}
