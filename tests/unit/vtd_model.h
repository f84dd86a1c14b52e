/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "types.h"

/*
 * A VT-d unit in legacy or scalable mode, as its driver sees it: registers that follow after a while, an
 * invalidation queue that works by itself, caches that go stale, and the two translations. It is written
 * from the manual, not from the driver's headers, and reads memory through unit_memory.h. A step that
 * the manual forbids fails the running test at once; so does an access that a cache answers in another
 * way than the tables would.
 */

#define MODEL_WINDOW 4096
#define MODEL_RECORDS 0x220
#define MODEL_RECORDS_MAX 8

struct model_record {
	u64 low, high;
};

struct vtd_model {
	u8 window[MODEL_WINDOW]; /* only its addresses matter */
	u64 cap, ecap;
	u64 rtaddr, irta, iqa, iqh, iqt;
	u32 gsts, fsts, fectl, pmen;
	u32 fedata, feaddr, feuaddr;
	u32 events; /* that were sent, with that message */
	u32 pending; /* the command that GSTS does not show yet */
	u32 pending_reads; /* of registers, until it does */
	struct model_record records[MODEL_RECORDS_MAX];
	u32 next_record;

	u64 root; /* as latched by the last set-pointer command */
	u64 interrupts;
	bool context_clean, pasid_clean, iotlb_clean, interrupts_clean; /* invalidated since then */
	u32 present_at_enable; /* context entries that were present when translation went on */

	/* How it misbehaves. */
	u32 stuck; /* bits of GSTS that do not follow */
	bool dead; /* does not fetch descriptors */
	bool stalled; /* the same, until the queue is switched off */
	bool pmen_stuck; /* regions stay protected */
	bool no_legacy_mode; /* root pointers of that mode are not kept */
	u32 refuse; /* type of a descriptor that is refused once: IQE */
	u32 abort; /* type of a descriptor whose wait is dropped once: ITE */
	u32 incomplete; /* type of a descriptor that is done with an error once: ICE */
	u64 refused_low, refused_at;
	bool prompt; /* requests are done before the write of the tail is */
	bool lenient; /* stale caches may answer */

	/* What devices try at every moment. Their accesses fill caches and are not recorded. */
	struct {
		u16 requester_id;
		bool is_message;
		u64 address;
	} probes[8];
	u32 probe_count;
	/* Where an access of theirs may land; NULL: nobody looks. */
	bool (*may_land)(u16 requester_id, u64 address, u64 host);

	/* What it was told, one word an event. */
	char log[4096];
	size_t log_length;
	u32 writes;
	u32 requests; /* descriptors done, waits not counted */
};

extern struct vtd_model model;

#define MODEL_CAP_RWBF BIT(4)
#define MODEL_CAP_PLMR BIT(5)
#define MODEL_CAP_CM BIT(7)
#define MODEL_ECAP_C BIT(0)
#define MODEL_ECAP_QI BIT(1)
#define MODEL_ECAP_IR BIT(3)
#define MODEL_ECAP_EIM BIT(4)
#define MODEL_ECAP_MHMV BITS(23, 20)
#define MODEL_ECAP_SMTS BIT(43)
#define MODEL_ECAP_SSTS BIT(46)
#define MODEL_ECAP_SMPWC BIT(48)

#define MODEL_SCALABLE BIT(10) /* in the root pointer */

/* What GSTS shows. */
#define MODEL_TES BIT(31)
#define MODEL_RTPS BIT(30)
#define MODEL_QIES BIT(26)
#define MODEL_IRES BIT(25)
#define MODEL_IRTPS BIT(24)
#define MODEL_CFIS BIT(23)

/* A unit after reset: 3 and 4 levels, 2 MiB and 1 GiB pages, 64 Ki domains, RECORDS fault records. */
void model_reset(u32 records);
void model_clear_log(void);
void model_probe(u16 requester_id, bool is_message, u64 address);

/* One access by a device: 0 and where it lands in HOST, or the reason of the fault it caused. */
u8 model_dma(u16 requester_id, u64 address, bool write, u64 *host);

struct model_interrupt {
	u8 vector;
	u32 destination;
};
/* A write to the interrupt window: 0 and what arrives, or the reason of the fault. */
u8 model_message(u16 requester_id, u64 address, u32 data, struct model_interrupt *interrupt);

/* What a fault record gets, without an access. */
void model_fault(u16 requester_id, u64 information, u8 reason, bool read);
