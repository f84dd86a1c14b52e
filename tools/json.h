/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdio.h>

/* COUNT bytes as a JSON string; what is not printable ASCII is escaped, a byte as U+00xx. */
void json_bytes(FILE *out, const void *bytes, size_t count);
/* The same of a zero-terminated text. */
void json_string(FILE *out, const char *text);
