/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line is a list of words, done one after the other: victim, victim=SECONDS, wait, dma, quiet,
 * ports, msrs, memory, instructions, icr=APIC_ID, msi=APIC_ID, virtual=DEVICE, functions, features, config; and remains, watchdog, triple-fault, jump-beyond, reserved-bits, which end it. At the end the guest switches off.
 */
#include "guest.h"
#include <stddef.h>

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line;
};

void attacker_main(const struct multiboot_info *info);

/* The number after WORD= when the text begins with that; else WORD must stand alone. */
static bool is_word(const char *text, const char *word, uint32_t *number) {
	while (*word && *text == *word) {
		text++;
		word++;
	}
	if (*word)
		return false;
	*number = 0;
	if (*text != '=')
		return *text == 0 || *text == ' ';
	for (text++; *text >= '0' && *text <= '9'; text++)
		*number = *number * 10 + (uint32_t)(*text - '0');
	return true;
}

/* What an earlier life has left in memory; leaves something itself, and sleeps. */
static void look_for_remains(uint64_t ram_end) {
	volatile uint64_t *end = (volatile uint64_t *)ram_end;
	uint64_t found = 0;

	for (volatile uint64_t *word = (volatile uint64_t *)(16 * MIB); word < end; word++) {
		found += *word != 0;
		*word = (uint64_t)word;
	}
	print("guest: remains %u interrupts %u", found, interrupts_total());
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* Fed at first: vmm/tables/wdat.asl. */
static void starve_watchdog(void) {
	enum { CONTROL = 0x602, COUNTER = 0x604, RUN = 1, FEED = 2, LONG = 100, SHORT = 5 };

	out16(COUNTER, LONG);
	out8(CONTROL, RUN);
	for (uint32_t i = 0; i < 3; i++) {
		pause_ms(50);
		out8(CONTROL, FEED);
	}
	print("guest: watchdog running %u, fed", (uint64_t)in8(CONTROL));
	out16(COUNTER, SHORT);
	__asm__ volatile("cli");
	for (;;)
		__asm__ volatile("pause");
}

static void run(const char *word, uint64_t ram_end) {
	uint32_t number;

	if (is_word(word, "victim", &number) && number)
		victim_run_for(ram_end, number);
	else if (is_word(word, "victim", &number))
		victim_run(ram_end);
	else if (is_word(word, "dma", &number))
		attack_dma();
	else if (is_word(word, "quiet", &number))
		attack_quietly(ram_end);
	else if (is_word(word, "wait", &number))
		wait_for_commands();
	else if (is_word(word, "ports", &number))
		attack_ports();
	else if (is_word(word, "msrs", &number))
		attack_msrs();
	else if (is_word(word, "memory", &number))
		attack_memory(ram_end);
	else if (is_word(word, "instructions", &number))
		attack_instructions();
	else if (is_word(word, "icr", &number))
		attack_icr(number);
	else if (is_word(word, "msi", &number))
		attack_interrupts(number);
	else if (is_word(word, "virtual", &number))
		use_virtual_function(number, ram_end);
	else if (is_word(word, "functions", &number))
		look_at_functions();
	else if (is_word(word, "features", &number))
		switch_features();
	else if (is_word(word, "config", &number))
		attack_config(ram_end);
	else if (is_word(word, "remains", &number))
		look_for_remains(ram_end);
	else if (is_word(word, "watchdog", &number))
		starve_watchdog();
	else if (is_word(word, "triple-fault", &number))
		triple_fault();
	else if (is_word(word, "jump-beyond", &number))
		jump_beyond(ram_end);
	else if (is_word(word, "reserved-bits", &number))
		reserved_bits();
	else
		print("guest: unknown word %s", word);
}

void attacker_main(const struct multiboot_info *info) {
	const char *line = (const char *)(uint64_t)info->command_line;
	uint64_t ram_end = MIB + info->mem_upper * 1024ull;

	machine_init();
	print("guest: ram ends at %x, apic id %u", ram_end, (uint64_t)apic_id());
	for (;;) {
		while (*line == ' ')
			line++;
		if (!*line)
			break;
		run(line, ram_end);
		while (*line && *line != ' ')
			line++;
	}
	print("attacker: done");
	power_off();
}
