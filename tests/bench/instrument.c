/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instrument: a plugin for QEMU's translator that counts, for each processor, the instructions
 * that it began, those of an SVM guest apart, its entries into guests, the reasons why it left them,
 * and the interrupts it took. Nothing under test has to help: a guest is what runs between a VMRUN and
 * the instruction behind it, and the reason is read from the VMCB (AMD64 APM volume 2, section 15.6).
 *
 * All counters are written, one line of JSON an event, when
 *   - a program executes the mark: an 8-byte NOP (0f 1f 84 00 "MARK") with a name of up to 8 letters
 *     in RDI, MARK_POINT, MARK_BEGIN or MARK_END in RSI, and a number of operations in RDX;
 *   - a processor enters a guest for the first time;
 *   - code begins that was given as point=NAME:BYTES (hexadecimal);
 *   - the emulator ends.
 *
 * Other arguments: out=FILE; profile=FROM:TO counts the host's instructions by block of code between
 * two events of these names.
 */
#include "qemu_plugin.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_PROCESSORS 64
#define MAX_CENSUS 2048 /* power of 2 */
#define MAX_POINTS 8
#define MAX_PATTERN 32
#define MAX_LANDINGS 64
#define POINT_EVENTS 16 /* of each: a pattern that is everywhere must not fill the disk */
#define NAME_SIZE 9

enum mark_kind { MARK_POINT, MARK_BEGIN, MARK_END, MARK_KINDS };
static const char *const mark_names[MARK_KINDS] = {"point", "begin", "end"};

static const uint8_t mark_code[] = {0x0f, 0x1f, 0x84, 0x00, 'M', 'A', 'R', 'K'};
static const uint8_t vmrun_code[] = {0x0f, 0x01, 0xd8};

/* VMCB: exit code, and the two words about it. */
#define VMCB_EXIT_CODE 0x70
#define VMEXIT_IOIO 0x7b
#define VMEXIT_MSR 0x7c
#define VMEXIT_NPF 0x400
#define IOIO_PORT_SHIFT 16
#define PAGE_SHIFT 12

/* How often a guest was left for one reason. Detail: port, register or page, twice, plus "write". */
struct census {
	uint64_t code, detail, count;
};

struct processor {
	struct qemu_plugin_register *rax, *rcx, *rdx, *rsi, *rdi;
	GByteArray *buffer;
	bool in_guest, entered;
	uint64_t vmcb;
	uint64_t guest_since; /* instructions when it entered */
	uint64_t guest; /* instructions in guests, finished visits */
	uint64_t entries;
	uint64_t host_interrupts, guest_interrupts;
	struct census census[MAX_CENSUS];
};

struct point {
	char name[NAME_SIZE];
	uint8_t bytes[MAX_PATTERN];
	size_t length;
	unsigned events;
};

struct block {
	struct block *next;
	uint64_t address, instructions, count;
};

static struct processor processors[MAX_PROCESSORS];
static qemu_plugin_u64 instructions;
static struct point points[MAX_POINTS];
static unsigned point_count;
/* Behind every VMRUN that was seen. The same address may mean other code in a guest: where QEMU keeps
 * the code tells them apart. */
static struct {
	const char *code;
	uint64_t address;
} landings[MAX_LANDINGS];
static unsigned landing_count;
static struct block *blocks;
static char profile_from[NAME_SIZE], profile_to[NAME_SIZE];
static volatile bool profiling;
static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t read_register(struct processor *p, struct qemu_plugin_register *handle) {
	uint64_t value = 0;

	g_byte_array_set_size(p->buffer, 0);
	if (handle && qemu_plugin_read_register(handle, p->buffer) &&
	    p->buffer->len >= sizeof(value))
		memcpy(&value, p->buffer->data, sizeof(value));
	return value;
}

/* --- output --- */

static void write_processor(unsigned index) {
	struct processor *p = &processors[index];
	uint64_t total = qemu_plugin_u64_get(instructions, index);
	uint64_t guest = p->guest + (p->in_guest ? total - p->guest_since : 0);
	const char *separator = "";

	fprintf(out,
		"{\"instructions\":%" PRIu64 ",\"guest\":%" PRIu64 ",\"entries\":%" PRIu64
		",\"host_interrupts\":%" PRIu64 ",\"guest_interrupts\":%" PRIu64 ",\"exits\":[",
		total, guest, p->entries, p->host_interrupts, p->guest_interrupts);
	for (unsigned i = 0; i < MAX_CENSUS; i++) {
		const struct census *c = &p->census[i];

		if (!c->count)
			continue;
		fprintf(out, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", separator, c->code,
			c->detail, c->count);
		separator = ",";
	}
	fprintf(out, "]}");
}

static void write_profile(void) {
	const char *separator = "";

	fprintf(out, "{\"event\":\"profile\",\"blocks\":[");
	for (struct block *b = blocks; b; b = b->next) {
		if (!b->count)
			continue;
		fprintf(out, "%s[%" PRIu64 ",%" PRIu64 "]", separator, b->address,
			b->count * b->instructions);
		separator = ",";
	}
	fprintf(out, "],\"landings\":[");
	for (unsigned i = 0; i < landing_count; i++)
		fprintf(out, "%s%" PRIu64, i ? "," : "", landings[i].address);
	fprintf(out, "]}\n");
}

static void write_event(const char *event, const char *name, unsigned vcpu, uint64_t operations) {
	struct timespec now;
	int count = qemu_plugin_num_vcpus();

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	fprintf(out,
		"{\"event\":\"%s\",\"name\":\"%s\",\"processor\":%u,\"in_guest\":%s,\"operations\":%" PRIu64
		",\"seconds\":%.6f,\"processors\":[",
		event, name, vcpu, processors[vcpu].in_guest ? "true" : "false", operations,
		(double)now.tv_sec + (double)now.tv_nsec / 1e9);
	for (int i = 0; i < count && i < MAX_PROCESSORS; i++) {
		if (i)
			fputc(',', out);
		write_processor((unsigned)i);
	}
	fprintf(out, "]}\n");
	if (profiling && !strcmp(name, profile_to)) {
		profiling = false;
		write_profile();
	} else if (*profile_from && !strcmp(name, profile_from)) {
		profiling = true;
	}
	fflush(out);
	pthread_mutex_unlock(&lock);
}

/* --- while the machine runs --- */

static void count_exit(struct processor *p, uint64_t code, uint64_t detail) {
	uint64_t hash = (code << 48 ^ detail) * 0x9e3779b97f4a7c15ull >> 40;

	for (unsigned i = 0; i < MAX_CENSUS; i++) {
		struct census *c = &p->census[(hash + i) % MAX_CENSUS];

		if (!c->count) {
			c->code = code;
			c->detail = detail;
		}
		if (c->code == code && c->detail == detail) {
			c->count++;
			return;
		}
	}
}

static uint64_t exit_detail(struct processor *p, const uint64_t words[3]) {
	switch (words[0]) {
	case VMEXIT_IOIO: return words[1] >> IOIO_PORT_SHIFT << 1 | !(words[1] & 1);
	case VMEXIT_MSR: return (read_register(p, p->rcx) & UINT32_MAX) << 1 | (words[1] & 1);
	case VMEXIT_NPF: return words[2] >> PAGE_SHIFT << 1 | (words[1] >> 1 & 1);
	default: return 0;
	}
}

static void on_vmrun(unsigned vcpu, void *context) {
	struct processor *p = &processors[vcpu];

	(void)context;
	if (!p->entered) {
		p->entered = true;
		write_event("first-entry", "entry", vcpu, 0);
	}
	p->vmcb = read_register(p, p->rax);
	p->guest_since = qemu_plugin_u64_get(instructions, vcpu);
	p->entries++;
	p->in_guest = true;
}

static void on_landing(unsigned vcpu, void *context) {
	struct processor *p = &processors[vcpu];
	uint64_t words[3] = {UINT64_MAX};

	(void)context;
	if (!p->in_guest)
		return;
	p->in_guest = false;
	p->guest += qemu_plugin_u64_get(instructions, vcpu) - p->guest_since;
	g_byte_array_set_size(p->buffer, 0);
	if (!qemu_plugin_read_memory_hwaddr(p->vmcb + VMCB_EXIT_CODE, p->buffer, sizeof(words)))
		memcpy(words, p->buffer->data, sizeof(words));
	count_exit(p, words[0], exit_detail(p, words));
}

static void on_mark(unsigned vcpu, void *context) {
	struct processor *p = &processors[vcpu];
	uint64_t letters = read_register(p, p->rdi), kind = read_register(p, p->rsi);
	char name[NAME_SIZE] = "";

	(void)context;
	memcpy(name, &letters, sizeof(letters));
	for (char *c = name; *c; c++)
		if ((*c < 'a' || *c > 'z') && (*c < '0' || *c > '9'))
			*c = '-';
	write_event(kind < MARK_KINDS ? mark_names[kind] : "mark", name, vcpu,
		    read_register(p, p->rdx));
}

static void on_point(unsigned vcpu, void *context) {
	struct point *point = context;

	if (__atomic_fetch_add(&point->events, 1, __ATOMIC_RELAXED) < POINT_EVENTS)
		write_event("point", point->name, vcpu, 0);
}

static void on_block(unsigned vcpu, void *context) {
	struct block *block = context;

	if (profiling && !processors[vcpu].in_guest)
		__atomic_fetch_add(&block->count, 1, __ATOMIC_RELAXED);
}

static void on_interrupt(unsigned vcpu, int type, uint64_t from, uint64_t to, void *context) {
	struct processor *p = &processors[vcpu];

	(void)type;
	(void)from;
	(void)to;
	(void)context;
	if (p->in_guest)
		p->guest_interrupts++;
	else
		p->host_interrupts++;
}

/* --- while code is translated --- */

static bool is_landing(const char *code) {
	for (unsigned i = 0; i < landing_count; i++)
		if (landings[i].code == code)
			return true;
	return false;
}

static void add_landing(const char *code, uint64_t address) {
	pthread_mutex_lock(&lock);
	if (!is_landing(code) && landing_count < MAX_LANDINGS) {
		landings[landing_count].code = code;
		landings[landing_count++].address = address;
	}
	pthread_mutex_unlock(&lock);
}

/* Whether the block's first instructions are those of POINT. */
static bool block_begins(const struct qemu_plugin_tb *tb, const struct point *point) {
	size_t count = qemu_plugin_tb_n_insns(tb), have = 0;

	for (size_t i = 0; i < count && have < point->length; i++) {
		uint8_t code[16];
		size_t length =
			qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), code, sizeof(code));

		if (length > point->length - have)
			length = point->length - have;
		if (memcmp(code, point->bytes + have, length))
			return false;
		have += length;
	}
	return have == point->length;
}

static void add_block(struct qemu_plugin_tb *tb) {
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		return;
	block->address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));
	block->instructions = qemu_plugin_tb_n_insns(tb);
	pthread_mutex_lock(&lock);
	block->next = blocks;
	blocks = block;
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

/* What is registered first happens first: the landing belongs to the host, VMRUN and the mark too. */
static void translate_instruction(struct qemu_plugin_insn *insn) {
	const char *where = qemu_plugin_insn_haddr(insn);
	uint8_t code[16];
	size_t length = qemu_plugin_insn_data(insn, code, sizeof(code));

	if (where && is_landing(where))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_landing, QEMU_PLUGIN_CB_R_REGS,
						       NULL);
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							    instructions, 1);
	if (length >= sizeof(vmrun_code) && !memcmp(code, vmrun_code, sizeof(vmrun_code))) {
		if (where)
			add_landing(where + sizeof(vmrun_code),
				    qemu_plugin_insn_vaddr(insn) + sizeof(vmrun_code));
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vmrun, QEMU_PLUGIN_CB_R_REGS, NULL);
	}
	if (length == sizeof(mark_code) && !memcmp(code, mark_code, sizeof(mark_code)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_R_REGS, NULL);
}

static void translate(struct qemu_plugin_tb *tb, void *context) {
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)context;
	for (unsigned i = 0; i < point_count; i++)
		if (block_begins(tb, &points[i]))
			qemu_plugin_register_vcpu_tb_exec_cb(tb, on_point, QEMU_PLUGIN_CB_NO_REGS,
							     &points[i]);
	if (*profile_from)
		add_block(tb);
	for (size_t i = 0; i < count; i++)
		translate_instruction(qemu_plugin_tb_get_insn(tb, i));
}

/* --- beginning and end --- */

static void vcpu_init(unsigned vcpu, void *context) {
	static const struct {
		const char *name;
		size_t offset;
	} wanted[] = {
		{"rax", offsetof(struct processor, rax)}, {"rcx", offsetof(struct processor, rcx)},
		{"rdx", offsetof(struct processor, rdx)}, {"rsi", offsetof(struct processor, rsi)},
		{"rdi", offsetof(struct processor, rdi)},
	};
	struct processor *p = &processors[vcpu];
	GArray *registers = qemu_plugin_get_registers();
	size_t step = g_array_get_element_size(registers);

	(void)context;
	p->buffer = g_byte_array_new();
	for (unsigned i = 0; i < registers->len; i++) {
		const qemu_plugin_reg_descriptor *r = (const void *)(registers->data + i * step);

		for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++)
			if (!strcmp(r->name, wanted[w].name))
				memcpy((char *)p + wanted[w].offset, &r->handle, sizeof(r->handle));
	}
}

static void at_exit(void *context) {
	(void)context;
	write_event("exit", "exit", 0, 0);
	fclose(out);
}

static void take_name(char to[NAME_SIZE], const char *from, char end) {
	size_t length = strcspn(from, (char[]){end, 0});

	snprintf(to, NAME_SIZE, "%.*s", (int)length, from);
}

static bool take_point(const char *text) {
	struct point *point = &points[point_count];
	const char *hex = strchr(text, ':');
	unsigned byte;

	if (!hex || point_count == MAX_POINTS)
		return false;
	take_name(point->name, text, ':');
	for (hex++; point->length < MAX_PATTERN && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		point->bytes[point->length++] = (uint8_t)byte;
	point_count++;
	return point->length > 0;
}

static bool take_argument(const char *argument) {
	const char *value = strchr(argument, '=');

	if (!value)
		return false;
	value++;
	if (!strncmp(argument, "out=", 4))
		return (out = fopen(value, "w"));
	if (!strncmp(argument, "point=", 6))
		return take_point(value);
	if (!strncmp(argument, "profile=", 8) && strchr(value, ':')) {
		take_name(profile_from, value, ':');
		take_name(profile_to, strchr(value, ':') + 1, 0);
		return true;
	}
	return false;
}

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
				      char **argv) {
	for (int i = 0; i < argc; i++) {
		if (!take_argument(argv[i])) {
			fprintf(stderr, "instrument: wrong argument %s\n", argv[i]);
			return 1;
		}
	}
	if (!out || info->system.max_vcpus > MAX_PROCESSORS)
		return 1;
	instructions.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_init_cb(id, vcpu_init, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_INTERRUPT, on_interrupt, NULL);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
