/* SPDX-License-Identifier: Apache-2.0 */
/* What a person at the machine's console can ask for, while a processor is left to listen. */
#include "partition_internal.h"
#include "survey.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define DELETE 0x7f
#define ERASE_LINE 0x15 /* Ctrl-U */
#define LINE_SIZE 80

static char line[LINE_SIZE];
static u32 length;

static void list(struct partition *unused) {
	static const char *const states[] = {"loading", "running", "stopping", "stopped"};

	(void)unused;
	for (u32 i = 0; i < boot.plan.partition_count; i++) {
		const struct partition *p = &machine.partitions[i];

		say("partition %s: %s, start %u, %u processors, %llu MiB, %u functions%s%s",
		    p->plan->name, states[p->state], p->round + 1, p->vcpu_count,
		    p->plan->memory_bytes / MIB, p->plan->function_count,
		    p->failure ? ", failed: " : "", p->failure ? p->failure : "");
	}
	machine_memory_print();
}

static void groups(struct partition *unused) {
	(void)unused;
	survey_groups(&boot.inventory, NULL, &console);
}

static void attach(struct partition *p) {
	say("what is typed goes to partition %s until Ctrl-]", p->plan->name);
	machine.attached = p;
}

static void help(struct partition *unused);

static const struct command {
	const char *name;
	void (*run)(struct partition *p); /* NULL: the partition is ordered to */
	enum partition_order order;
	const char *words; /* beginning with "NAME": of a partition, which it wants */
} commands[] = {
	{"help", help, ORDER_NONE, "these words"},
	{"list", list, ORDER_NONE, "partitions, and how they are"},
	{"groups", groups, ORDER_NONE, "isolation groups, with reasons"},
	{"start", NULL, ORDER_START, "NAME: starts a partition that has stopped"},
	{"stop", NULL, ORDER_STOP, "NAME: stops it"},
	{"restart", NULL, ORDER_RESTART, "NAME: stops it and starts it again"},
	{"console", attach, ORDER_NONE, "NAME: types into its serial port; Ctrl-] ends that"},
	{"stats", statistics_print, ORDER_NONE, "NAME: its exits, by reason and processor"},
	{"faults", faults_list, ORDER_NONE, "the last ones that the IOMMU stopped"},
	{"log", console_log, ORDER_NONE,
	 "what was said last: by partitions, then by Bulkhead itself"},
};

static void help(struct partition *unused) {
	(void)unused;
	for (u32 i = 0; i < ARRAY_SIZE(commands); i++)
		say("%s %s", commands[i].name, commands[i].words);
}

static struct partition *find_partition(const char *name) {
	for (u32 i = 0; i < boot.plan.partition_count; i++)
		if (!strcmp(machine.partitions[i].plan->name, name))
			return &machine.partitions[i];
	return NULL;
}

static void run_line(void) {
	const struct command *command = commands;
	u32 word = 0;

	while (line[word] && line[word] != ' ')
		word++;
	const char *argument = line[word] ? line + word + 1 : "";
	struct partition *p = find_partition(argument);

	line[word] = '\0';
	while (command < commands + ARRAY_SIZE(commands) && strcmp(command->name, line) != 0)
		command++;
	if (command == commands + ARRAY_SIZE(commands))
		say("`%s` is no command: try help", line);
	else if (!p && !strncmp(command->words, "NAME", strlen("NAME")))
		say("%s NAME: `%s` is no partition: try list", line, argument);
	else if (command->run)
		command->run(p);
	else
		partition_order(p, command->order);
}

static void erase(u32 count) {
	for (; count; count--, length--)
		console_text(NULL, "\b \b", 3, false);
}

static void edit(u8 byte) {
	if (byte == '\r' || byte == '\n') {
		console_text(NULL, "", 0, true);
		line[length] = '\0';
		if (length)
			run_line();
		length = 0;
	} else if (byte == '\b' || byte == DELETE) {
		erase((u32)min_u64(length, 1));
	} else if (byte == ERASE_LINE) {
		erase(length);
	} else if (byte >= ' ' && byte < DELETE && length < LINE_SIZE - 1) {
		line[length] = (char)byte;
		console_text(NULL, &line[length++], 1, false);
	}
}

static void take(u8 byte) {
	struct partition *p = machine.attached;

	if (!p) {
		edit(byte);
	} else if (byte == ESCAPE) {
		machine.attached = NULL;
		say("commands: try help");
	} else {
		spin_lock(&p->lock);
		uart_input(&p->uart, byte);
		spin_unlock(&p->lock);
	}
}

void commands_poll(void) {
	struct partition *p;

	for (int byte; (byte = console_read()) >= 0;)
		take((u8)byte);
	p = machine.attached;
	if (!p)
		return;
	/* Its prompts, which no newline ends. */
	spin_lock(&p->lock);
	if (p->line_length)
		console_text(p->plan->name, p->line, p->line_length, false);
	p->line_length = 0;
	spin_unlock(&p->lock);
}
