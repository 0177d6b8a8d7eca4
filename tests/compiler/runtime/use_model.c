/* A program that runs an exported model through its C interface, with aligned and odd buffers; linked against it or by dlopen. */
#include "tilewright_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t run_at(int32_t skip) {
    static _Alignas(64) unsigned char memory[4][128];
    float x[6] = {1, 2, 3, 4, 5, 6}, y[6];
    int64_t threads;
    memcpy(memory[0] + skip, x, sizeof x);
    const void *inputs[] = {memory[0] + skip};
    void *outputs[] = {memory[1] + skip, memory[2] + skip};
    if (tw_model_run(inputs, outputs) != TW_OK) return 1;
    memcpy(y, memory[1] + skip, sizeof y);
    memcpy(&threads, memory[2] + skip, sizeof threads);
    for (int i = 0; i < 6; i++) printf("%g ", (double)y[i]);
    printf("on %d threads\n", (int)threads);
    return 0;
}

int main(void) {
    for (int32_t i = 0; i < tw_model_input_count(); i++) {
        const tw_tensor *tensor = tw_model_input(i);
        printf("in %s %s", tensor->name, tensor->dtype);
        for (int32_t axis = 0; axis < tensor->rank; axis++) printf(" %d", (int)tensor->shape[axis]);
        printf(" %d\n", (int)tensor->size_bytes);
    }
    for (int32_t i = 0; i < tw_model_output_count(); i++) printf("out %s %s\n", tw_model_output(i)->name, tw_model_output(i)->dtype);
    if (tw_model_input(-1) || tw_model_input(99) || tw_model_output(99)) return 2;
    if (!strstr(tw_model_metadata(), "\"name\": \"scale\"")) return 3;
    if (run_at(0) || run_at(4)) return 4;
    if (tw_model_set_threads(0) != TW_INVALID_ARGUMENT || tw_model_set_threads(2) != TW_OK) return 5;
    if (run_at(0)) return 6;
    tw_model_release();
    const void *inputs[] = {NULL};
    if (run_at(8) || tw_model_run(inputs, NULL) != TW_INVALID_ARGUMENT) return 7;
    return 0;
}
