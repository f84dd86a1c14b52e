/* SPDX-License-Identifier: Apache-2.0 */
#include "partition_internal.h"

/* The life of a partition: started, stopped, finished, and perhaps started again. */

#define RESTART_DELAY_MS 500
#define RESTART_DELAYS_MAX 20

bool partition_start(struct partition *p) {
	enum partition_state loading = PARTITION_LOADING;
	struct vcpu *first = &p->vcpus[0];

	say("partition %s: loading", p->plan->name);
	guest_memory_clear(p);
	uart_reset(&p->uart);
	ioapic_reset(&p->ioapic);
	/* Attached last: while its memory is filled no device reaches it. */
	if (!partition_load(p, &first->state) || !take_groups(p) || !take_interrupts(p))
		return false;
	spin_lock(&p->lock);
	vpci_reset(&p->vpci);
	spin_unlock(&p->lock);
	for (u32 i = 0; i < p->vcpu_count; i++) {
		guest_msr_reset(&p->vcpus[i]);
		p->vcpus[i].mode = VCPU_WAIT_STARTUP;
	}
	boot.vcpu_ops->set_state(first);
	first->mode = VCPU_RUNNING;
	/* Somebody may have stopped it meanwhile: then the request waits at the entry. */
	__atomic_compare_exchange_n(&p->state, &loading, PARTITION_RUNNING, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	say("partition %s: started", p->plan->name);
	say("time: partition %s enters %lu ms after the image began", p->plan->name,
	    ((cpu_tsc() - boot.begin_tsc) / boot.inventory.tsc_khz));
	return true;
}

void partition_stop(struct partition *p, const char *failure) {
	enum partition_state state = p->state;

	do {
		if (state != PARTITION_LOADING && state != PARTITION_RUNNING)
			return;
	} while (!__atomic_compare_exchange_n(&p->state, &state, PARTITION_STOPPING, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	p->failure = failure;
	for (u32 i = 0; i < p->vcpu_count; i++)
		vcpu_request(&p->vcpus[i], REQUEST_STOP);
}

bool partition_fail(struct partition *p, const char *format, ...) {
	struct text_buffer buffer = TEXT_BUFFER(sizeof(p->failure_text));
	va_list arguments;

	va_start(arguments, format);
	text_print_list(&buffer.sink, format, arguments);
	va_end(arguments);
	spin_lock(&p->lock);
	if (!p->failure_text[0])
		memcpy(p->failure_text, buffer.data, sizeof(p->failure_text));
	spin_unlock(&p->lock);
	partition_stop(p, p->failure_text);
	return false;
}

/* Under the lock: what has expired is this life's. */
void partitions_watch(void) {
	for (u32 i = 0; i < boot.plan.partition_count; i++) {
		struct partition *p = &machine.partitions[i];

		spin_lock(&p->lock);
		if (watchdog_expired(&p->watchdog, machine_milliseconds()))
			partition_stop(p, "the guest did not feed its watchdog in time");
		spin_unlock(&p->lock);
	}
}

/* False: a processor of it is missing. */
static bool begin_again(struct partition *p) {
	for (u32 i = 0; i < p->vcpu_count; i++)
		if (!p->vcpus[i].cpu->online)
			return false;
	p->failure = NULL;
	p->failure_text[0] = 0;
	p->phases = 0;
	for (u32 i = 0; i < p->vcpu_count; i++)
		p->vcpus[i].requests = 0;
	p->vcpus_running = p->vcpu_count;
	p->order = ORDER_NONE;
	p->state = PARTITION_LOADING;
	__atomic_add_fetch(&p->round, 1, __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < p->vcpu_count; i++)
		cpu_wake(p->vcpus[i].cpu);
	return true;
}

void partition_order(struct partition *p, enum partition_order order) {
	if (p->state == PARTITION_STOPPED && order != ORDER_STOP) {
		__atomic_add_fetch(&machine.partitions_left, 1, __ATOMIC_SEQ_CST);
		if (!begin_again(p))
			__atomic_sub_fetch(&machine.partitions_left, 1, __ATOMIC_SEQ_CST);
	} else if (p->state != PARTITION_STOPPED && order != ORDER_START) {
		p->order = order;
		partition_stop(p, NULL);
	} else {
		say("partition %s is %s already", p->plan->name,
		    order == ORDER_START ? "started" : "stopped");
	}
}

/* By the order, else by the file. One that fails again and again waits longer each time: it must not keep the console busy. */
static bool is_wanted_again(const struct partition *p) {
	if (p->order != ORDER_NONE)
		return p->order == ORDER_RESTART;
	if (p->plan->restart == RESTART_NEVER ||
	    (p->plan->restart == RESTART_ON_FAILURE && !p->failure))
		return false;
	cpu_delay(RESTART_DELAY_MS * (u32)min_u64(p->round, RESTART_DELAYS_MAX));
	return true;
}

/* Devices first: from here on nothing that the partition owned can reach memory or interrupt. */
void partition_finish(struct partition *p) {
	while (vpci_is_away(&p->vpci))
		cpu_delay(1);
	spin_lock(&p->lock);
	vpci_reset(&p->vpci);
	ioapic_reset(&p->ioapic);
	p->watchdog = (struct watchdog){0};
	spin_unlock(&p->lock);
	give_interrupts_back(p);
	give_groups_back(p);
	guest_memory_clear(p);
	if (p->line_length)
		uart_output(&p->uart, '\n');
	statistics_print(p);
	say("partition %s: %s%s", p->plan->name, p->failure ? "failed: " : "stopped",
	    p->failure ? p->failure : "");
	if (is_wanted_again(p)) {
		say("partition %s: restarting", p->plan->name);
		if (begin_again(p))
			return;
	}
	p->state = PARTITION_STOPPED;
	if (!__atomic_sub_fetch(&machine.partitions_left, 1, __ATOMIC_SEQ_CST))
		machine_idle();
}
