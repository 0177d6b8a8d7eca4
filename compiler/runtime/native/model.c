/* The C interface of an exported model: keeps the arena and the threads between runs, copies buffers that are not aligned. */
#include "model_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static pthread_mutex_t running = PTHREAD_MUTEX_INITIALIZER; /* guards everything below */
static const uint8_t *given_weights;
static int32_t chosen_threads;
static tw_pool *pool;
static uint8_t *arena;
static uint8_t *staging; /* room for every input and output, one after the other */

static int64_t padded(int64_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static int64_t staging_bytes(const tw_tensor *tensors, int32_t count) {
    int64_t total = 0;
    for (int32_t i = 0; i < count; i++) total += padded(tensors[i].size_bytes);
    return total;
}

static int aligned(const void *buffer) { return (uintptr_t)buffer % ALIGNMENT == 0; }

static uint8_t *allocate(int64_t size) { return aligned_alloc(ALIGNMENT, (size_t)padded(size > 0 ? size : 1)); }

/* Everything a run needs besides the caller's buffers. */
static int32_t prepare(void) {
    const tw_model_table *model = &tw_this_model;
    if (!chosen_threads) chosen_threads = model->threads;
    if (!pool && chosen_threads > 1 && !(pool = tw_pool_create(chosen_threads))) return TW_OUT_OF_MEMORY;
    if (!arena && !(arena = allocate(model->arena_bytes))) return TW_OUT_OF_MEMORY;
    return TW_OK;
}

static int32_t prepare_staging(void) {
    const tw_model_table *model = &tw_this_model;
    if (staging) return TW_OK;
    staging = allocate(staging_bytes(model->inputs, model->input_count) + staging_bytes(model->outputs, model->output_count));
    return staging ? TW_OK : TW_OUT_OF_MEMORY;
}

static int32_t run_locked(const void *const *inputs, void *const *outputs, void **places) {
    const tw_model_table *model = &tw_this_model;
    void **out_places = places + model->input_count;
    const uint8_t *weights = model->weights ? model->weights : given_weights;
    int64_t offset = 0;
    int32_t status = !weights && model->weights_bytes ? TW_NO_WEIGHTS : prepare();
    for (int32_t i = 0; i < model->input_count && status == TW_OK; i++) {
        places[i] = (void *)inputs[i]; /* the model only reads its inputs */
        if (!aligned(inputs[i]) && (status = prepare_staging()) == TW_OK) {
            places[i] = memcpy(staging + offset, inputs[i], (size_t)model->inputs[i].size_bytes);
        }
        offset += padded(model->inputs[i].size_bytes);
    }
    for (int32_t i = 0; i < model->output_count && status == TW_OK; i++) {
        out_places[i] = outputs[i];
        if (!aligned(outputs[i]) && (status = prepare_staging()) == TW_OK) out_places[i] = staging + offset;
        offset += padded(model->outputs[i].size_bytes);
    }
    if (status == TW_OK) status = model->run(places, out_places, weights, arena, pool);
    for (int32_t i = 0; i < model->output_count && status == TW_OK; i++) {
        if (out_places[i] != outputs[i]) memcpy(outputs[i], out_places[i], (size_t)model->outputs[i].size_bytes);
    }
    return status;
}

int32_t tw_model_run(const void *const *inputs, void *const *outputs) {
    const tw_model_table *model = &tw_this_model;
    if ((!inputs && model->input_count > 0) || (!outputs && model->output_count > 0)) return TW_INVALID_ARGUMENT;
    for (int32_t i = 0; i < model->input_count; i++) {
        if (!inputs[i]) return TW_INVALID_ARGUMENT;
    }
    for (int32_t i = 0; i < model->output_count; i++) {
        if (!outputs[i]) return TW_INVALID_ARGUMENT;
    }
    void **places = malloc(sizeof(void *) * (size_t)(model->input_count + model->output_count + 1));
    if (!places) return TW_OUT_OF_MEMORY;
    pthread_mutex_lock(&running);
    int32_t status = run_locked(inputs, outputs, places);
    pthread_mutex_unlock(&running);
    free(places);
    return status;
}

int32_t tw_model_set_weights(const void *weights, int64_t size_bytes) {
    const tw_model_table *model = &tw_this_model;
    if (!weights || !aligned(weights) || !model->weights_bytes || size_bytes != model->weights_bytes) return TW_INVALID_ARGUMENT;
    if (memcmp((const uint8_t *)weights + size_bytes - TW_MARK_BYTES, model->weights_mark, TW_MARK_BYTES)) return TW_INVALID_ARGUMENT;
    pthread_mutex_lock(&running);
    given_weights = weights;
    pthread_mutex_unlock(&running);
    return TW_OK;
}

int32_t tw_model_set_threads(int32_t threads) {
    if (threads < 1) return TW_INVALID_ARGUMENT;
    pthread_mutex_lock(&running);
    if (threads != chosen_threads) {
        tw_pool_destroy(pool);
        pool = NULL;
        chosen_threads = threads;
    }
    pthread_mutex_unlock(&running);
    return TW_OK;
}

void tw_model_release(void) {
    pthread_mutex_lock(&running);
    tw_pool_destroy(pool);
    free(arena);
    free(staging);
    pool = NULL;
    arena = NULL;
    staging = NULL;
    pthread_mutex_unlock(&running);
}

int32_t tw_model_input_count(void) { return tw_this_model.input_count; }

int32_t tw_model_output_count(void) { return tw_this_model.output_count; }

const tw_tensor *tw_model_input(int32_t index) {
    return index >= 0 && index < tw_this_model.input_count ? &tw_this_model.inputs[index] : NULL;
}

const tw_tensor *tw_model_output(int32_t index) {
    return index >= 0 && index < tw_this_model.output_count ? &tw_this_model.outputs[index] : NULL;
}

const char *tw_model_metadata(void) { return tw_this_model.metadata; }

const tw_model_table *tw_model_get_table(void) { return &tw_this_model; }
