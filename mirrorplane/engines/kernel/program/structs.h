/* The rows of the maps; mirrorplane.engines.kernel.records and mirrorplane.plan.tables have the same, and a test
 * compares them. What a field means is said there.
 *
 * Owns layout only.
 */
#pragma once

#include "constants.h"
#include "kernel.h"

struct control {
	u32 generation; /* which of the two copies of the tables is in force */
	u32 staging; /* ifindex of its A end */
	u32 hand_over_from; /* wire packets of a super-packet, from which on another CPU takes it */
	u32 limit; /* wire packets that wait for one CPU at most */
	u32 room; /* packets that the kernel's own queue of a CPU takes (net.core.netdev_max_backlog) */
};

struct place {
	u32 namespace;
	u32 ifindex;
};

struct device {
	u32 source; /* the same in every generation */
	u32 staging; /* its A end; 0 in another namespace than the engine's */
	u32 n_relays;
	u32 relay[MAX_RELAYS]; /* A ends, in the device's namespace */
	u32 cpu[MAX_RELAYS]; /* which each hands over to; MAX_CPUS: the one it is on */
};

struct source {
	s32 default_template;
	s32 default_slots;
	s32 low_port;
	s32 high_port;
	u8 present;
	u8 turned;
	u8 also;
	u8 unmatched;
};

struct tunnel {
	u8 source[16]; /* zeros: from anywhere; IPv4 in the last four bytes */
	u8 destination[16];
	u32 port;
	u32 vni;
	u32 version;
};

struct classifier {
	s32 words;
	s32 summaries;
	s32 source_root;
	s32 destination_root;
	s32 service_root;
	s32 portless_root;
	s32 source_port_root;
	s32 first_decision;
};

struct node {
	s32 entry[FANOUT];
};

struct decision {
	s32 template;
	s32 slots;
	s32 rule;
};

struct template {
	s64 checksum;
	s32 length;
	s32 room;
	s32 packet_length;
	s32 session;
	u8 reason;
	u32 source;
	u32 outlet; /* ifindex */
	u8 header[HEADER_STRIDE];
};

struct way {
	u64 seen;
	u64 reasons[N_REASONS];
};

struct tally {
	u64 mirrored_packets;
	u64 mirrored_bytes;
	u64 truncated_packets;
};

/* How the copies of some flows travel. */
struct bucket {
	s32 staged; /* how many are in the staging pair, or wait for it on the CPU they were relayed to */
	u32 by; /* which road: an enum road */
	u64 last; /* ns, coarse, when one took it */
};

/* Copies on their way through one CPU's backlog. The first half is for those who send there, the second for the
 * CPU itself: what two CPUs write lies in different cache lines. */
struct queue {
	u64 put;
	u64 seen; /* `done`, as a sender last looked */
	u64 stalled_at; /* `done` when the queue was first found full ... */
	u64 stalled_since; /* ... and when that was, ns, coarse */
	u64 apart[4];
	u64 done;
	u64 last; /* ns, when a relay brought one */
	u64 awake; /* ns, when the wakeful packet was last seen; 0: there is none */
	u64 wakeful; /* which one it is */
	s64 staged; /* segments that are in the staging pair now */
	u64 since; /* ns, coarse, when one that waited was let go, or the first of them began to wait */
	u32 waiting; /* the last number that was given to one that has to wait */
	u32 served; /* the number of the last one that was let go */
	u64 apart_again;
};

struct page {
	u8 bytes[PAGE];
};
