/* A model in the form that code generation gives it, by hand: y = x * w over 2 x 3, in two shares; n = the threads of the pool.
 * The products go through the arena. */
#include "tilewright_runtime.h"

enum { ROWS = 2, COLUMNS = 3 };

static void multiply(void **params, int64_t lo, int64_t hi) {
    const float *x = params[0], *w = params[1];
    float *scratch = params[2];
    for (int64_t i = lo * COLUMNS; i < hi * COLUMNS; i++) scratch[i] = x[i] * w[i];
}

int32_t tw_entry_run(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool);
int32_t tw_entry_profile(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool, double *secs);

int32_t tw_entry_run(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool) {
    if (((uintptr_t)inputs[0] | (uintptr_t)outputs[0] | (uintptr_t)outputs[1] | (uintptr_t)weights | (uintptr_t)arena) % 64) return 1;
    void *params[] = {inputs[0], (void *)weights, arena};
    tw_parallel_for(pool, multiply, params, ROWS);
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) ((float *)outputs[0])[i] = ((float *)arena)[i];
    *(int64_t *)outputs[1] = tw_pool_threads(pool);
    return 0;
}

int32_t tw_entry_profile(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool, double *secs) {
    double begin = tw_clock_secs();
    int32_t status = tw_entry_run(inputs, outputs, weights, arena, pool);
    secs[0] = tw_clock_secs() - begin;
    return status;
}
