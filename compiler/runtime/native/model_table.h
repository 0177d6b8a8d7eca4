/* What an exported model consists of: written by compiler/runtime/link_model.py, read by model.c and by compiler/runtime/load_model.py. */
#ifndef TILEWRIGHT_MODEL_TABLE_H
#define TILEWRIGHT_MODEL_TABLE_H

#include "tilewright_model.h"
#include "tilewright_runtime.h"

enum { TW_MODEL_ABI = 1, TW_MARK_BYTES = 64 };

typedef struct {
    int32_t abi; /* TW_MODEL_ABI; the fields below may change with it */
    int32_t threads;
    int32_t (*run)(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool);
    int32_t (*profile)(void **inputs, void **outputs, const uint8_t *weights, uint8_t *arena, tw_pool *pool, double *step_secs);
    const uint8_t *weights;
    int64_t arena_bytes;
    const char *metadata;
    tw_pool *(*pool_create)(int32_t threads);
    void (*pool_destroy)(tw_pool *pool);
    double (*time_calls)(tw_kernel kernel, void **params, tw_pool *pool, int64_t number);
    int32_t input_count;
    int32_t output_count;
    const tw_tensor *inputs;
    const tw_tensor *outputs;
    int64_t weights_bytes;       /* of the caller's, with the mark behind them; 0 where `weights` are inside or none are needed */
    const uint8_t *weights_mark; /* the last TW_MARK_BYTES of the caller's weights */
} tw_model_table;

/* The table of this library. */
extern const tw_model_table tw_this_model;

/* The same, for a loader that knows the struct. */
const tw_model_table *tw_model_get_table(void);

#endif
