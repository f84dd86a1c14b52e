/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "enumerate.h"
#include "inventory.h"
#include "text.h"

/* From bulkhead.conf and an inventory to a plan: a value; building it has no effect on the machine. */

#define PARTITION_NAME_MAX 31

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum fault_policy { FAULT_REPORT, FAULT_STOP };
enum reset_policy { NO_RESET_REFUSE, NO_RESET_ACCEPT }; /* about functions that nothing resets */
enum idle_action { IDLE_HALT, IDLE_REBOOT, IDLE_POWEROFF, IDLE_EXIT };

/* Where something stands in the file. Lines and columns count from 1. */
struct place {
	u32 line;
	u32 column; /* in characters, not bytes */
};

struct partition_plan {
	char name[PARTITION_NAME_MAX + 1];
	u32 *cpus; /* indexes into inventory.cpus, as the file lists them; the first one boots */
	u32 cpu_count;
	u64 memory_bytes;
	u64 memory_base; /* host-physical, 2 MiB aligned (1 GiB where it fits); 0 when the inventory knows no memory */
	const char *kernel; /* file names on the volume */
	const char *initrd; /* NULL: none */
	const char *cmdline; /* "" when the file has none */
	u32 *functions; /* indexes into inventory.functions, by address */
	u32 function_count;
	u32 reserved_pieces; /* of memory that firmware wants these functions to reach */
	enum restart_policy restart;
	enum fault_policy on_fault;
	enum reset_policy no_reset;
	struct place at; /* of its section's bracket */
	struct place memory_at; /* of its memory; line 0: there is none that could be placed */
	u64 image_bytes; /* of kernel and initrd */
};

/* A pin of the machine's IO-APICs, which a function's own pin leads to. */
struct interrupt_line {
	const struct partition_plan *plan; /* that says so; NULL: nobody does */
	u32 gsi; /* number of the interrupt, over all IO-APICs */
	struct place at;
};

/* What decides which functions there are and how they are grouped, before the rules are checked. */
struct config_preview {
	struct group_trust *trusts;
	u32 trust_count;
	struct sriov_request *requests; /* for the inventory, before pci_enumerate() */
	u32 request_count;
};

struct plan {
	u16 console_port; /* I/O base of a 16550; 0: none */
	enum idle_action when_idle;
	u16 exit_port; /* with IDLE_EXIT */
	struct config_preview preview;
	struct partition_plan *partitions;
	u32 partition_count;
	struct interrupt_line *lines; /* by function */
};

#define PARTITIONS_MAX 63
#define INTERRUPT_LINES 256
#define MEMORY_UNIT (2 * MIB)

/* What the rules ask the world: is there such a file beside the configuration, and how long is it? */
struct image_lookup {
	bool (*find)(const struct image_lookup *lookup, const char *name, u64 *bytes);
	void *context;
};

/* One error. */
struct diagnostic {
	struct place at;
	const char *rule; /* kebab-case */
	const char *message;
	const char *because; /* may be NULL; several sentences are separated by newlines */
	const char *fix;
};

struct diagnostics {
	struct diagnostic *entries;
	u32 count;
	u32 capacity;
	u32 dropped;
};

/*
 * Reads the [hypervisor] section's "trust" and "sriov" lines only. Malformed ones are left for
 * config_plan() to report. False when the arena is full.
 */
bool config_preview(const char *text, size_t length, struct arena *arena,
		    struct config_preview *preview);
/*
 * Checks every rule of the file against the inventory and fills PLAN. LOOKUP may be NULL (images
 * are not checked then). Returns true when there is no error; all errors are in DIAGNOSTICS, in
 * the order of the file.
 */
bool config_plan(const char *text, size_t length, const struct inventory *inventory,
		 const struct image_lookup *lookup, struct arena *arena, struct plan *plan,
		 struct diagnostics *diagnostics);
/* Prints them in the form "FILE:LINE:COLUMN: error[rule]: ...", with PREFIX before each line. */
void diagnostics_print(const struct diagnostics *diagnostics, const char *file, const char *prefix,
		       struct text_sink *sink);
