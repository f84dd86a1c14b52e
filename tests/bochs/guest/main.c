/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that takes every way out of itself and looks whether it comes back as it should. The command
 * line is a list of words, done one after the other:
 *   registers cpuid msrs mmio xsetbv control steps debug   exits that the guest survives
 *   timer smp=APIC_ID kick=APIC_ID ipi                      interrupts, and processors that start and stop
 *   stop=APIC_ID                               switches off while that processor spins with interrupts off
 *   string-io                                  ends the partition
 * One line each: "exits: WORD ok", or "exits: WORD wrong: ...".
 */
#include "exits.h"

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
};

void attacker_main(const struct multiboot_info *info);

static const struct {
	const char *word;
	void (*run)(uint32_t number);
} acts[] = {
	{"registers", exit_registers},
	{"cpuid", exit_cpuid},
	{"msrs", exit_msrs},
	{"mmio", exit_mmio},
	{"xsetbv", exit_xsetbv},
	{"control", exit_control},
	{"steps", exit_steps},
	{"debug", exit_debug},
	{"timer", smp_timer},
	{"smp", smp_start},
	{"kick", smp_kick},
	{"ipi", smp_ipi},
	{"stop", smp_stop},
	{"string-io", exit_string_io},
};

static uint64_t wrong_count;

void wrong(const char *what, uint64_t got, uint64_t expected) {
	wrong_count++;
	print("exits: wrong: %s is %x, expected %x", what, got, expected);
}

static const char *after_word(const char *text, const char *word) {
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return *word || (*text && *text != ' ' && *text != '=') ? 0 : text;
}

static void run(const char *text) {
	for (uint32_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		const char *rest = after_word(text, acts[i].word);
		uint32_t number = 0;

		if (!rest)
			continue;
		if (*rest == '=')
			for (rest++; *rest >= '0' && *rest <= '9'; rest++)
				number = number * 10 + (uint32_t)(*rest - '0');
		wrong_count = 0;
		acts[i].run(number);
		print("exits: %s %s", acts[i].word, wrong_count ? "wrong" : "ok");
		return;
	}
	print("exits: unknown word %s", text);
}

void attacker_main(const struct multiboot_info *info) {
	const char *line = (const char *)(uint64_t)info->command_line;

	machine_init();
	while (*line) {
		if (*line != ' ')
			run(line);
		while (*line && *line != ' ')
			line++;
		while (*line == ' ')
			line++;
	}
	print("exits: done");
	power_off();
}
