/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line is a list of words, done one after the other: victim; msrs=VALUES, ports=STEP, cpuid, modes, edges,
 * icr=APIC_ID; and seed=N from=N count=N deadly=N (one step of so many may end the partition; 0: none) for fuzz, or for
 * trace, which says each step before it is made. At the end the guest switches off, or with "wait" waits for good.
 */
#include "fuzzer.h"

struct multiboot_info {
	u32 flags, mem_lower, mem_upper, boot_device, command_line;
};

void fuzzer_main(const struct multiboot_info *info);

/* The number after WORD= when the text begins with that; else WORD must stand alone. */
static bool is_word(const char *text, const char *word, u64 *number) {
	while (*word && *text == *word) {
		text++;
		word++;
	}
	if (*word)
		return false;
	if (*text != '=')
		return *text == 0 || *text == ' ';
	*number = 0;
	for (text++; *text >= '0' && *text <= '9'; text++)
		*number = *number * 10 + (u64)(*text - '0');
	return true;
}

static void run(const char *word) {
	static u64 seed = 1, from, count = 1000000, deadly;
	u64 number = 1;

	if (is_word(word, "victim", &number))
		victim_run();
	else if (is_word(word, "msrs", &number))
		sweep_msrs((u32)number);
	else if (is_word(word, "ports", &number))
		sweep_ports((u32)number);
	else if (is_word(word, "cpuid", &number))
		sweep_cpuid();
	else if (is_word(word, "modes", &number))
		sweep_modes();
	else if (is_word(word, "edges", &number))
		sweep_edges();
	else if (is_word(word, "icr", &number))
		sweep_icr((u32)number);
	else if (is_word(word, "fuzz", &number))
		fuzz(seed, from, count, deadly, false);
	else if (is_word(word, "trace", &number))
		fuzz(seed, from, count, deadly, true);
	else if (is_word(word, "wait", &number))
		for (;;)
			__asm__ volatile("cli; hlt");
	else if (!is_word(word, "seed", &seed) && !is_word(word, "from", &from) &&
		 !is_word(word, "count", &count) && !is_word(word, "deadly", &deadly))
		print("fuzzer: unknown word %s", word);
}

void fuzzer_main(const struct multiboot_info *info) {
	static char line[1024];
	const char *from = (const char *)(u64)info->command_line, *at = line;

	ram_end = MIB + info->mem_upper * 1024ull;
	for (u32 i = 0; i < sizeof(line) - 1 && from[i]; i++)
		line[i] = from[i];
	machine_init();
	find_progress();
	trial_normalise();
	print("fuzzer: ram ends at %x, ecam %x, shared %x, apic id %u", ram_end, ecam,
	      shared_memory, (u64)apic_id());
	print("fuzzer: bytes \x1b \x9b \xc2\x9b \x7f end");
	/* The second processor, if there is one: all others, start-up at 0x60000. */
	try_write_msr(X2APIC_ICR, 0xc4660);
	while (*at) {
		while (*at == ' ')
			at++;
		if (*at)
			run(at);
		while (*at && *at != ' ')
			at++;
	}
	print("fuzzer: ended");
	/* What no local APIC should take is left behind for whoever takes the processor over. */
	for (u32 vector = 0; vector < 16; vector++)
		try_write_msr(X2APIC_SELF_IPI, vector);
	power_off();
}
