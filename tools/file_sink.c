/* SPDX-License-Identifier: Apache-2.0 */
#include "file_sink.h"
#include "types.h"

static void put(struct text_sink *sink, const char *bytes, size_t count) {
	fwrite(bytes, 1, count, container_of(sink, struct file_sink, sink)->file);
}

struct file_sink file_sink(FILE *file) {
	return (struct file_sink){.sink.put = put, .file = file};
}
