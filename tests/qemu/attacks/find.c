/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find FILE HEX...: where in the file, which may have holes, lie the bytes of any HEX; an offset a line. For a machine's
 * memory: what Python takes seconds for.
 */
#include <emmintrin.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 8
#define WORD_BYTES 16
#define PIECE (256 * 1024)

struct word {
	__m128i first, second; /* of its bytes */
	unsigned char bytes[WORD_BYTES];
	size_t length;
};

static struct word words[WORDS_MAX];
static int word_count;

static int take(const char *hex) {
	struct word *word = &words[word_count++];

	for (; hex[0] && hex[1] && word->length < WORD_BYTES; hex += 2) {
		const char digits[] = {hex[0], hex[1], 0};

		word->bytes[word->length++] = (unsigned char)strtoul(digits, NULL, 16);
	}
	word->first = _mm_set1_epi8((char)word->bytes[0]);
	word->second = _mm_set1_epi8((char)word->bytes[1]);
	return *hex || word->length < 2;
}

static void look(const unsigned char *memory, size_t length, off_t at) {
	for (int i = 0; i < word_count; i++)
		if (length >= words[i].length && !memcmp(memory, words[i].bytes, words[i].length))
			printf("%lld\n", (long long)at);
}

/* What begins in the first COUNT bytes of a piece that has LENGTH and lies AT an offset of the file. */
static void search(const unsigned char *piece, size_t count, size_t length, off_t at) {
	enum { STEP = sizeof(__m128i) };
	size_t i = 0;

	for (; i < count && i + STEP < length; i += STEP) {
		__m128i here = _mm_loadu_si128((const void *)(piece + i));
		__m128i next = _mm_loadu_si128((const void *)(piece + i + 1));
		__m128i found = _mm_setzero_si128();

		for (int w = 0; w < word_count; w++)
			found = _mm_or_si128(found,
					     _mm_and_si128(_mm_cmpeq_epi8(here, words[w].first),
							   _mm_cmpeq_epi8(next, words[w].second)));
		for (size_t j = i; j < i + STEP && j < count && _mm_movemask_epi8(found); j++)
			look(piece + j, length - j, at + (off_t)j);
	}
	for (; i < count; i++)
		look(piece + i, length - i, at + (off_t)i);
}

static int search_range(int file, off_t begin, off_t end) {
	static unsigned char piece[PIECE + WORD_BYTES];

	for (off_t at = begin; at < end; at += PIECE) {
		/* A word may go on behind the piece, and behind the end of what was written. */
		ssize_t length = pread(file, piece, sizeof(piece), at);
		size_t count = end - at < PIECE ? (size_t)(end - at) : PIECE;

		if (length < (ssize_t)count)
			return 1;
		search(piece, count, (size_t)length, at);
	}
	return 0;
}

int main(int count, char **arguments) {
	int file = count > 2 && count - 2 <= WORDS_MAX ? open(arguments[1], O_RDONLY) : -1;
	off_t begin, end = 0;

	for (int i = 2; i < count && file >= 0; i++)
		if (take(arguments[i]))
			return 2;
	if (file < 0)
		return 2;
	while ((begin = lseek(file, end, SEEK_DATA)) >= 0) {
		end = lseek(file, begin, SEEK_HOLE);
		if (end < 0 || search_range(file, begin, end))
			return 2;
	}
	return errno != ENXIO; /* there is no more */
}
