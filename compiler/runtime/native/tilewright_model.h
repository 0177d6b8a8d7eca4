/* The C interface of a compiled model: of a self-contained shared library (`tilewright compile MODEL -o model.so`), or of a static one with
 * its weights in a file (`tilewright compile MODEL --standalone DIR`).
 *
 * Link against the library or load it with dlopen; it needs nothing but the C library and threads. Several models in one program: dlopen each
 * with RTLD_LOCAL and look the functions up with dlsym, since every model exports the same names.
 *
 *     float data[1 * 3 * 224 * 224], scores[1000];
 *     const void *inputs[] = {data};
 *     void *outputs[] = {scores};
 *     if (tw_model_run(inputs, outputs) != TW_OK) abort();
 */
#ifndef TILEWRIGHT_MODEL_H
#define TILEWRIGHT_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TW_OK = 0,
    TW_OUT_OF_MEMORY = 1,
    TW_INVALID_ARGUMENT = 2, /* a NULL buffer, fewer than one thread, or weights of another model */
    TW_NO_WEIGHTS = 3        /* tw_model_set_weights comes first */
};

/* dtype: numpy's name, such as "float32" or "int64" ("bool" is one byte, 0 or 1). The buffer is dense and row-major. */
typedef struct {
    const char *name;
    const char *dtype;
    int32_t rank;
    const int64_t *shape;
    int64_t size_bytes;
} tw_tensor;

/* Runs the model: inputs[i] is read, outputs[i] written, in the order of tw_model_input and tw_model_output.
 * Buffers at a multiple of 64 bytes are used in place, others are copied. Any thread may call; calls run one after the other. */
int32_t tw_model_run(const void *const *inputs, void *const *outputs);

/* The contents of weights.bin, for a model written by `tilewright compile MODEL --standalone DIR`: at a multiple of 64 bytes, and left in
 * place until the last run. A library has its weights inside and needs no call. */
int32_t tw_model_set_weights(const void *weights, int64_t size_bytes);

/* Threads for the following runs, the caller included; until then, as many as the model was compiled for. */
int32_t tw_model_set_threads(int32_t threads);

int32_t tw_model_input_count(void);
int32_t tw_model_output_count(void);

/* What the i-th input or output is; NULL if there is none. */
const tw_tensor *tw_model_input(int32_t index);
const tw_tensor *tw_model_output(int32_t index);

/* A JSON text: model name, target, inputs, outputs, and each kernel with the schedule it was compiled from. */
const char *tw_model_metadata(void);

/* Frees working memory and ends the threads; the next run makes them anew. */
void tw_model_release(void);

#ifdef __cplusplus
}
#endif

#endif
