/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "config.h"
#include "config_rules.h"

/*
 * The configuration file on its way to a plan, line by line; a rule is checked as soon as what it
 * asks about has been read:
 *   config_parse.c    lines -> sections and entries
 *   config_keys.c     entries -> the plan, by the table of keys; config_values.c reads values
 *   config_devices.c  functions: who gets them, and the rules about them
 *   config_place.c    host memory for every partition
 *   config_plan.c     the way through all of them, and the rules about the whole file
 */

#define DIAGNOSTICS_MAX 256
#define KEYS_MAX 16
#define MEMORY_MINIMUM (16 * MIB)
#define CPU_INDEX_LIMIT 4096 /* indexes from here on name no processor of any machine */
#define LOW_MEMORY_END MIB /* below lie start-up code of processors and firmware's data */

/* Who has a processor or a function. PLAN NULL: nobody. */
struct owner {
	const struct partition_plan *plan;
	struct place at; /* of the value that says so */
};

enum section_kind { SECTION_NONE, SECTION_IGNORED, SECTION_HYPERVISOR, SECTION_PARTITION };

struct config {
	const struct inventory *inventory; /* NULL: only the preview is wanted */
	const struct image_lookup *lookup;
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct plan *plan;
	bool exhausted; /* the arena is full: what was read is not complete */

	char *line; /* that is being read, zero-terminated */
	u32 line_number;
	bool line_bad; /* has been reported: say nothing more about it */
	enum section_kind section;
	bool section_lost; /* a header was not understood: partitions may be missing */
	u32 hypervisor_line; /* of [hypervisor]; 0: none */
	u32 seen[KEYS_MAX]; /* lines of keys that the section has */

	struct partition_plan *partition; /* of the present section, or NULL */
	u32 *cpus; /* where those of the next partition go */
	struct owner *cpu_owners;
	struct owner *owners; /* of functions */
	struct place first_device; /* the first value that names a function; line 0: none */
};

/* `key = value` */
struct entry {
	struct config *config;
	const struct key *kind;
	const char *key;
	const char *value; /* NULL: the key is present, but its line has been reported */
	struct place key_at;
	struct place at; /* of the value, behind its quote */
};

/* diagnostics.c */
/* Reports a breach of a rule from rules.txt, in the order of places. */
__attribute__((format(printf, 4, 5))) void config_report(struct config *config, struct place at,
							 const char *rule, const char *text, ...);
/* TEXT, cut for a message to what fits into SIZE bytes of SHOWN; returns it. */
char *config_shown(char *shown, size_t size, const char *text);
/* A text that lives as long as the block it stands in. */
#define SHOWN(text) config_shown((char[64]){0}, 64, text)

/* config_plan.c: as arena_alloc(), but a full arena is noted. */
void *config_alloc(struct config *config, size_t count, size_t size);

/* config_parse.c */
void config_parse(struct config *config, const char *text, size_t length);

/* config_keys.c */
void config_read_entry(struct entry *entry);
/* Reports keys that the section lacks. */
void config_end_section(struct config *config);

/* config_values.c */
/*
 * Reads TEXT by FORM: X stands for a hexadecimal number, D for a decimal one, N for either (0x tells),
 * a blank for one or more, $ for the end, anything else for itself. Returns what follows, or NULL when TEXT is different or a
 * number is above its one of LIMITS.
 */
const char *value_scan(const char *text, const char *form, const u64 *limits, u64 *numbers);
const char *value_address(const char *text, struct pci_address *address);
bool value_size(const char *text, u64 *bytes);
bool value_is_blank(char c);
/* How many blanks TEXT begins with. */
size_t value_blanks(const char *text);
/* The index of WORD among WORDS, which NULL ends, or NONE. */
u32 value_find(const char *word, const char *const *words);

/* config_devices.c */
bool read_trust(const struct entry *entry);
bool read_sriov(const struct entry *entry);
bool read_device(const struct entry *entry);
bool read_intx(const struct entry *entry);
/* The rules about all functions together. */
void config_check_devices(struct config *config);

/* config_place.c */
void config_place_memory(struct config *config);

/* config_registers.c */
void config_check_registers(struct config *config, u32 function);
/* What firmware wants the partition's functions to reach. */
void config_check_reserved(struct config *config, struct partition_plan *plan);
