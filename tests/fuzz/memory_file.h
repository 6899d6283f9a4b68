/* memory_file.h - a file of bytes for code under test that reads files: a memfd and its path in /proc. */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include <stddef.h>

/* Make the one file's content data; returns its path, which stays the same. */
const char *memory_file(const void *data, size_t n);

#endif
