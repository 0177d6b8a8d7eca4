/* Runs the compiled model beside it, once or several times.
 *
 *     ./model [-w weights.bin] [-t THREADS] [-n RUNS] [-o PREFIX] [INPUT.raw ...]
 *
 * Inputs are read from raw files (dense, row-major, this machine's byte order), in the order of the model; those not given are zeros. Prints
 * each output's first values, or writes PREFIX0.raw, PREFIX1.raw, ...; with -n also the fastest and the mean time of a run. */
#define _POSIX_C_SOURCE 200809L
#include "tilewright_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ALIGNMENT = 64, SHOWN = 8, FAILED = 1, USAGE = 2 };

static void *buffer_of(const tw_tensor *tensor) {
    size_t size = ((size_t)tensor->size_bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT; /* at least one line */
    void *buffer = aligned_alloc(ALIGNMENT, size);
    if (!buffer) {
        fprintf(stderr, "no memory for %s: %zu bytes\n", tensor->name, size);
        exit(FAILED);
    }
    return memset(buffer, 0, size);
}

static void read_input(const char *path, const tw_tensor *tensor, void *buffer) {
    FILE *file = fopen(path, "rb");
    if (!file || fread(buffer, 1, (size_t)tensor->size_bytes, file) != (size_t)tensor->size_bytes || fgetc(file) != EOF) {
        fprintf(stderr, "%s: cannot be read, or not the %lld bytes of input %s (%s)\n", path, (long long)tensor->size_bytes, tensor->name,
                tensor->dtype);
        exit(FAILED);
    }
    fclose(file);
}

static void write_output(const char *prefix, int index, const tw_tensor *tensor, const void *buffer) {
    char path[4096];
    snprintf(path, sizeof path, "%s%d.raw", prefix, index);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(buffer, 1, (size_t)tensor->size_bytes, file) != (size_t)tensor->size_bytes || fclose(file)) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(FAILED);
    }
}

static void print_output(const tw_tensor *tensor, const void *buffer) {
    int64_t count = 1;
    printf("%s %s[", tensor->name, tensor->dtype);
    for (int32_t axis = 0; axis < tensor->rank; axis++) {
        printf("%s%lld", axis ? ", " : "", (long long)tensor->shape[axis]);
        count *= tensor->shape[axis];
    }
    printf("]");
    for (int64_t i = 0; i < count && i < SHOWN; i++) {
        if (!strcmp(tensor->dtype, "float32")) printf(" %g", (double)((const float *)buffer)[i]);
        else if (!strcmp(tensor->dtype, "float64")) printf(" %g", ((const double *)buffer)[i]);
        else if (!strcmp(tensor->dtype, "int64")) printf(" %lld", (long long)((const int64_t *)buffer)[i]);
        else if (!strcmp(tensor->dtype, "int32")) printf(" %d", (int)((const int32_t *)buffer)[i]);
    }
    printf("%s\n", count > SHOWN ? " ..." : "");
}

static int load_weights(const char *path) {
    struct stat about;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &about) || about.st_size == 0) return 0;
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    return data != MAP_FAILED && tw_model_set_weights(data, about.st_size) == TW_OK;
}

static double now_secs(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int count, char **words) {
    const char *weights = "weights.bin", *prefix = NULL;
    int runs = 1, option;
    while ((option = getopt(count, words, "w:t:n:o:")) != -1) {
        if (option == 'w') weights = optarg;
        else if (option == 'o') prefix = optarg;
        else if (option == 'n' && atoi(optarg) > 0) runs = atoi(optarg);
        else if (option != 't' || tw_model_set_threads(atoi(optarg)) != TW_OK) {
            fprintf(stderr, "usage: %s [-w weights.bin] [-t THREADS] [-n RUNS] [-o PREFIX] [INPUT.raw ...]\n", words[0]);
            return USAGE;
        }
    }
    int inputs = tw_model_input_count(), outputs = tw_model_output_count();
    if (count - optind > inputs) {
        fprintf(stderr, "%d input files given, the model has %d inputs\n", count - optind, inputs);
        return USAGE;
    }
    int have_weights = load_weights(weights);
    void **in = calloc((size_t)inputs + 1, sizeof *in), **out = calloc((size_t)outputs + 1, sizeof *out);
    if (!in || !out) return FAILED;
    for (int i = 0; i < inputs; i++) {
        in[i] = buffer_of(tw_model_input(i));
        if (optind + i < count) read_input(words[optind + i], tw_model_input(i), in[i]);
    }
    for (int i = 0; i < outputs; i++) out[i] = buffer_of(tw_model_output(i));

    double least = 0, total = 0;
    for (int run = 0; run < runs; run++) {
        double begin = now_secs();
        int32_t status = tw_model_run((const void *const *)in, out);
        double secs = now_secs() - begin;
        if (status == TW_NO_WEIGHTS && !have_weights) fprintf(stderr, "%s: cannot be read, or made for another model: name it with -w\n", weights);
        else if (status != TW_OK) fprintf(stderr, "the model ended with status %d\n", (int)status);
        if (status != TW_OK) return FAILED;
        least = run == 0 || secs < least ? secs : least;
        total += secs;
    }
    for (int i = 0; i < outputs; i++) {
        if (prefix) write_output(prefix, i, tw_model_output(i), out[i]);
        else print_output(tw_model_output(i), out[i]);
    }
    if (runs > 1) printf("%.3f ms, the fastest of %d runs; mean %.3f ms\n", least * 1e3, runs, total / runs * 1e3);
    tw_model_release();
    for (int i = 0; i < inputs; i++) free(in[i]);
    for (int i = 0; i < outputs; i++) free(out[i]);
    free(in);
    free(out);
    return 0;
}
