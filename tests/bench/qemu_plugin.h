/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The part of QEMU's plugin interface, version 7 (QEMU 11), that the instrument uses. Debian ships no
 * header for it. Names are QEMU's; types are reduced to what is passed. Symbols are found in QEMU
 * itself and in the GLib that it has loaded.
 */
#define PLUGIN_API 7
#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;

struct qemu_plugin_tb; /* a block of instructions that is being translated */
struct qemu_plugin_insn; /* one of its instructions; both are valid during translation only */
struct qemu_plugin_scoreboard; /* an array with an element for each processor */
struct qemu_plugin_register;

typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

typedef struct {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
} qemu_info_t;

typedef struct {
	struct qemu_plugin_register *handle;
	const char *name,
		*feature; /* later versions append; the array says how large an element is */
} qemu_plugin_reg_descriptor;

enum { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS };
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
enum { QEMU_PLUGIN_DISCON_INTERRUPT = 1, QEMU_PLUGIN_DISCON_EXCEPTION = 2 };

typedef void (*plugin_vcpu_cb)(unsigned vcpu, void *context);
typedef void (*plugin_trans_cb)(struct qemu_plugin_tb *tb, void *context);
typedef void (*plugin_discon_cb)(unsigned vcpu, int type, uint64_t from, uint64_t to,
				 void *context);
typedef void (*plugin_exit_cb)(void *context);

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, plugin_vcpu_cb callback, void *context);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, plugin_trans_cb callback,
					   void *context);
void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, int types, plugin_discon_cb callback,
					 void *context);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, plugin_exit_cb callback, void *context);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, plugin_vcpu_cb callback,
					  int flags, void *context);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, plugin_vcpu_cb callback,
					    int flags, void *context);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
							 int operation, qemu_plugin_u64 counter,
							 uint64_t value);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 counter, unsigned vcpu);
int qemu_plugin_num_vcpus(void);

/* GLib's arrays, as the interface passes them. */
typedef struct {
	uint8_t *data;
	unsigned len;
} GByteArray;

typedef struct {
	char *data;
	unsigned len;
} GArray;

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned length);
unsigned g_array_get_element_size(GArray *array);

GArray *qemu_plugin_get_registers(void);
bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *to);
int qemu_plugin_read_memory_hwaddr(uint64_t address, GByteArray *to, size_t length);

/* What QEMU looks for in a plugin. */
extern PLUGIN_EXPORT int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv);
