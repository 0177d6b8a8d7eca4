/* The thread pool: each worker owns one slot (a cache line) that hands it one share of a loop at a time.
 *
 *              caller                worker               caller
 *     IDLE ------------> READY -----------------> RUNNING -------> WATCHED     (the caller sleeps until the worker is done)
 *      |  ^               ^  |                       |                |
 *      |  |               |  | caller takes it back  | done           | done, wake the caller
 *      |  +---------------|--+<----------------------+----------------+
 *      +-----> PARKED ----+   (the worker sleeps; the caller wakes it)
 *
 * A worker spins for SPIN_SECS before it parks, so the loops of one inference find it awake. The caller, done with its own share, takes
 * back every share that no worker has begun: a loop never waits for a sleeping or preempted worker, and a pool whose threads could not be
 * started (or were lost in a fork) still computes everything. A worker reads the job only after READY -> RUNNING, and the caller stays in
 * tw_parallel_for until no slot is RUNNING, so the job is never read late.
 */
#define _GNU_SOURCE
#include "tilewright_runtime.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { IDLE, READY, RUNNING, WATCHED, PARKED, STOP };

enum { LINE_BYTES = 64, PAUSES_PER_CLOCK = 16, STACK_BYTES = 8 << 20 };

/* Longer than the serial gaps between the kernels of a model, short against a time slice. */
static const double SPIN_SECS = 40e-6;

typedef struct {
    _Alignas(LINE_BYTES) _Atomic uint32_t state;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* the worker sleeps here while PARKED */
    pthread_cond_t done; /* the caller sleeps here while WATCHED */
    pthread_t thread;
    tw_pool *pool;
    int32_t share;
    int32_t started;
} tw_slot;

struct tw_pool {
    pthread_mutex_t callers; /* held during a loop */
    tw_loop_body body;
    void **params;
    int64_t count;
    int32_t shares; /* of the loop at hand, at most `threads` */
    int32_t threads;
    int32_t launched;
    double spin_secs;
    tw_slot *slots; /* threads - 1; slot i computes share i + 1 */
};

static void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

double tw_clock_secs(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Spins while the state is `unwanted`, for at most spin_secs; returns the state last seen. */
static uint32_t spin_while(tw_slot *slot, uint32_t unwanted, double spin_secs) {
    uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (state != unwanted || spin_secs <= 0.0) return state;
    double deadline = tw_clock_secs() + spin_secs;
    do {
        for (int i = 0; i < PAUSES_PER_CLOCK; i++) {
            pause_core();
            state = atomic_load_explicit(&slot->state, memory_order_acquire);
            if (state != unwanted) return state;
        }
    } while (tw_clock_secs() < deadline);
    return state;
}

/* Announces `asleep` in place of `awake` and sleeps until the other side replaces it. Returns at once if the state is no longer `awake`. */
static void sleep_on(tw_slot *slot, pthread_cond_t *condition, uint32_t awake, uint32_t asleep) {
    pthread_mutex_lock(&slot->mutex);
    if (atomic_compare_exchange_strong(&slot->state, &awake, asleep)) {
        while (atomic_load(&slot->state) == asleep) pthread_cond_wait(condition, &slot->mutex);
    }
    pthread_mutex_unlock(&slot->mutex);
}

/* Sets the state and, if it was `asleep`, wakes the side that sleeps on the condition. */
static void replace_state(tw_slot *slot, pthread_cond_t *condition, uint32_t state, uint32_t asleep) {
    if (atomic_exchange(&slot->state, state) != asleep) return;
    pthread_mutex_lock(&slot->mutex);
    pthread_cond_signal(condition);
    pthread_mutex_unlock(&slot->mutex);
}

static void run_share(const tw_pool *pool, int32_t share) {
    /* Not count * share / shares, which overflows for counts near the largest int64. */
    int64_t each = pool->count / pool->shares, rest = pool->count % pool->shares;
    int64_t lo = each * share + (share < rest ? share : rest);
    pool->body(pool->params, lo, lo + each + (share < rest ? 1 : 0));
}

static void *work(void *argument) {
    tw_slot *slot = argument;
    for (;;) {
        uint32_t state = spin_while(slot, IDLE, slot->pool->spin_secs);
        if (state == STOP) return NULL;
        if (state == IDLE) {
            sleep_on(slot, &slot->wake, IDLE, PARKED);
            continue;
        }
        uint32_t ready = READY;
        if (!atomic_compare_exchange_strong(&slot->state, &ready, RUNNING)) continue;
        run_share(slot->pool, slot->share);
        replace_state(slot, &slot->done, IDLE, WATCHED);
    }
}

static int32_t usable_cores(void) {
#ifdef __linux__
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int32_t)online : 1;
}

tw_pool *tw_pool_create(int32_t threads) {
    if (threads < 1) threads = 1;
    tw_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->threads = threads;
    pool->spin_secs = threads <= usable_cores() ? SPIN_SECS : 0.0; /* with fewer cores a spinning thread keeps another from working */
    if (threads > 1) {
        pool->slots = aligned_alloc(LINE_BYTES, (size_t)(threads - 1) * sizeof(tw_slot));
        if (!pool->slots) {
            free(pool);
            return NULL;
        }
    }
    pthread_mutex_init(&pool->callers, NULL);
    for (int32_t i = 0; i + 1 < threads; i++) {
        tw_slot *slot = &pool->slots[i];
        atomic_init(&slot->state, IDLE);
        pthread_mutex_init(&slot->mutex, NULL);
        pthread_cond_init(&slot->wake, NULL);
        pthread_cond_init(&slot->done, NULL);
        slot->pool = pool;
        slot->share = i + 1;
        slot->started = 0;
    }
    return pool;
}

/* Starts the workers with every signal blocked: signals are the program's own threads' affair. */
static void launch(tw_pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int32_t i = 0; i + 1 < pool->threads; i++) {
        tw_slot *slot = &pool->slots[i];
        slot->started = pthread_create(&slot->thread, &attributes, work, slot) == 0;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pool->launched = 1;
}

void tw_pool_destroy(tw_pool *pool) {
    if (!pool) return;
    for (int32_t i = 0; i + 1 < pool->threads; i++) {
        tw_slot *slot = &pool->slots[i];
        replace_state(slot, &slot->wake, STOP, PARKED);
        if (slot->started) pthread_join(slot->thread, NULL);
        pthread_cond_destroy(&slot->wake);
        pthread_cond_destroy(&slot->done);
        pthread_mutex_destroy(&slot->mutex);
    }
    pthread_mutex_destroy(&pool->callers);
    free(pool->slots);
    free(pool);
}

int32_t tw_pool_threads(const tw_pool *pool) { return pool ? pool->threads : 1; }

static void finish_share(tw_pool *pool, tw_slot *slot) {
    uint32_t ready = READY;
    if (atomic_compare_exchange_strong(&slot->state, &ready, IDLE)) {
        run_share(pool, slot->share);
        return;
    }
    if (spin_while(slot, RUNNING, pool->spin_secs) == RUNNING) sleep_on(slot, &slot->done, RUNNING, WATCHED);
}

void tw_parallel_for(tw_pool *pool, tw_loop_body body, void **params, int64_t count) {
    if (count <= 0) return;
    if (!pool || pool->threads == 1 || count == 1) {
        body(params, 0, count);
        return;
    }
    pthread_mutex_lock(&pool->callers);
    if (!pool->launched) launch(pool);
    pool->body = body;
    pool->params = params;
    pool->count = count;
    pool->shares = count < pool->threads ? (int32_t)count : pool->threads;
    for (int32_t i = 0; i + 1 < pool->shares; i++) replace_state(&pool->slots[i], &pool->slots[i].wake, READY, PARKED);
    run_share(pool, 0);
    for (int32_t i = 0; i + 1 < pool->shares; i++) finish_share(pool, &pool->slots[i]);
    pthread_mutex_unlock(&pool->callers);
}

double tw_time_calls(tw_kernel kernel, void **params, tw_pool *pool, int64_t number) {
    if (number < 1) number = 1;
    double begin = tw_clock_secs();
    for (int64_t i = 0; i < number; i++) kernel(params, pool);
    return (tw_clock_secs() - begin) / (double)number;
}
