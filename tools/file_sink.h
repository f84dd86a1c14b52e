/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "text.h"
#include <stdio.h>

/* Text of the image's own words into a file. */
struct file_sink {
	struct text_sink sink;
	FILE *file;
};

struct file_sink file_sink(FILE *file);
