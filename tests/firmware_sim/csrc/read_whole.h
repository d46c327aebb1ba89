/* A file in a block of its own size, so that sanitizers see every read past it. */
#include <stdio.h>
#include <stdlib.h>

static void *read_whole(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*bytes);
    if (fread(data, 1, *bytes, file) != *bytes)
        exit(2);
    fclose(file);
    return data;
}
