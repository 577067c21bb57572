/* How a copy gets from its source to the envelope: at once, through staging, or through another CPU first.
 *
 * Owns the choice, the bound on what waits, and that no copy overtakes another of its flow: while copies of a
 * flow wait in a queue, the next ones go through the same queue. Must not know rules or headers.
 */
#pragma once

#include "encapsulate.h"
#include "maps.h"

enum road {
	STRAIGHT = 0, /* cut and wrapped in the sender's context: whole packets with their checksums */
	STAGED = 1, /* segmented and completed by the kernel on the sender's CPU */
	RELAYED = 2, /* the same on another CPU */
	WAKEFUL = 3, /* no copy at all: it keeps the CPU at it */
};

enum {
	MAGIC = 0x4d49524f, /* in skb->cb[0]: the two words behind it are ours */
	BULK = 100000000, /* ns: a flow that sent a super-packet this recently stays on its road */
	FORGOTTEN = 1000000000, /* ns: copies that have been staged for longer were dropped on their way */
	STALLED = 10000000, /* ns: what was not taken out of a queue for that long was dropped */
	WAKE = 30000, /* ns: a CPU that was brought a copy this recently is kept awake for the next */
};

struct way_out {
	enum road road;
	u32 ifindex;
	u32 cpu;
	u32 n_packets;
};

/* The road on which the flow's earlier copies still may be; STRAIGHT if there is none. */
INLINE enum road road_kept(struct bucket *bucket)
{
	s64 since; /* below 0 where another CPU was just faster */

	if (bucket->by == STRAIGHT)
		return STRAIGHT;
	since = ktime_get_coarse_ns() - bucket->last;
	if (bucket->by == RELAYED ? since < BULK : bucket->staged > 0 && since < FORGOTTEN)
		return bucket->by;
	bucket->staged = 0;
	bucket->by = STRAIGHT;
	return STRAIGHT;
}

INLINE enum road road_wanted(struct __sk_buff *skb, const struct control *control, const struct device *device,
			     u32 n_packets)
{
	if (!device->staging || (device->n_relays && n_packets >= control->hand_over_from))
		return RELAYED;
	return skb->gso_size || has_unfinished_checksum(skb) ? STAGED : STRAIGHT;
}

INLINE void choose_road(struct __sk_buff *skb, const struct control *control, const struct device *device,
			struct bucket *bucket, u32 port, struct way_out *out)
{
	enum road kept = road_kept(bucket);
	u32 relay;

	out->road = road_wanted(skb, control, device, out->n_packets);
	if (kept != STRAIGHT && device->staging)
		out->road = kept;
	out->ifindex = device->staging;
	out->cpu = get_smp_processor_id();
	if (out->road != RELAYED || !device->n_relays)
		return;
	relay = port % device->n_relays & (MAX_RELAYS - 1);
	out->ifindex = device->relay[relay];
	if (device->cpu[relay] < MAX_CPUS)
		out->cpu = device->cpu[relay];
}

/* Whether a queue has no room; one that lost its copies, unseen by us, is taken for empty after a while. */
INLINE int is_full(struct queue *queue, u32 limit, u32 n_packets)
{
	u64 now;

	if ((s64)(queue->put + n_packets - queue->seen) <= limit)
		return 0;
	queue->seen = queue->done; /* looked at only now: that CPU writes it for each copy */
	if ((s64)(queue->put + n_packets - queue->seen) <= limit || (s64)(queue->put - queue->seen) <= 0)
		return 0;
	now = ktime_get_coarse_ns();
	if (queue->stalled_at != queue->seen || !queue->stalled_since) {
		queue->stalled_at = queue->seen;
		queue->stalled_since = now;
	} else if (now - queue->stalled_since > STALLED) {
		queue->stalled_since = 0;
		queue->put = queue->seen;
		return 0;
	}
	return 1;
}

/* What is staged at once waits in the kernel's own queue; what is relayed waits its turn. */
INLINE u32 limit_of(const struct control *control, enum road road)
{
	return road == STAGED && control->room < control->limit ? control->room : control->limit;
}

INLINE void join(struct bucket *bucket, struct queue *queue, enum road road, u32 n_packets)
{
	u64 now = ktime_get_coarse_ns();

	__sync_fetch_and_add(&queue->put, n_packets);
	if (road == STAGED) {
		__sync_fetch_and_add(&bucket->staged, n_packets);
		queue->staged += n_packets; /* only this CPU does */
	}
	if (bucket->by != road)
		bucket->by = road;
	if (bucket->last != now)
		bucket->last = now;
}

/* The queue of the CPU that this runs on. */
INLINE struct queue *own_queue(void)
{
	u32 cpu = get_smp_processor_id();

	return map_lookup_elem(&queues, &cpu);
}

/* A segment has come through staging. */
INLINE void leave_staging(u32 mark)
{
	u32 port = mark & PORT_MASK;
	struct bucket *bucket = map_lookup_elem(&buckets, &port);
	struct queue *queue = own_queue();

	if (!bucket || !queue)
		return;
	__sync_fetch_and_add(&queue->done, 1);
	queue->staged--;
	__sync_fetch_and_add(&bucket->staged, -1);
}

/* Clone the packet to a device of ours; what the original carries is as before afterwards. */
INLINE long clone_to(struct __sk_buff *skb, u32 ifindex, u32 mark, enum road road, u32 n_packets)
{
	u32 old_mark = skb->mark, old0 = skb->cb[0], old1 = skb->cb[1], old2 = skb->cb[2];
	u32 old3 = skb->cb[3], old4 = skb->cb[4];
	int unhashed = road == RELAYED && !skb->hash;
	long refused;

	skb->mark = mark;
	skb->cb[0] = MAGIC;
	skb->cb[1] = mark;
	skb->cb[2] = road;
	skb->cb[3] = n_packets;
	skb->cb[4] = 0; /* its number, where it has to wait */
	if (unhashed)
		set_hash(skb, mark); /* or the kernel would dissect the packet, to find the one CPU that there is */
	refused = clone_redirect(skb, ifindex, 0);
	if (unhashed)
		set_hash_invalid(skb);
	skb->mark = old_mark;
	skb->cb[0] = old0;
	skb->cb[1] = old1;
	skb->cb[2] = old2;
	skb->cb[3] = old3;
	skb->cb[4] = old4;
	return refused;
}

/* Send a copy through a queue; MIRRORED if it is on its way, else why not. */
ASIDE enum reason queue_up(struct __sk_buff *skb, const struct control *control, struct bucket *bucket,
			   const struct way_out *out, u32 mark)
{
	struct queue *queue = map_lookup_elem(&queues, &out->cpu);
	u32 n_packets = out->n_packets;
	long refused;

	if (!queue || !control || !bucket)
		return SEND_FAILED;
	if (is_full(queue, limit_of(control, out->road), n_packets))
		return BACKLOG_FULL;
	join(bucket, queue, out->road, n_packets);
	refused = clone_to(skb, out->ifindex, mark, out->road, n_packets);
	/* Of several segments the answer is the last one's: what staging drops is counted by its device. */
	if (!refused || (refused > 0 && out->road == STAGED))
		return MIRRORED;
	__sync_fetch_and_add(&queue->done, n_packets);
	if (out->road == STAGED)
		__sync_fetch_and_add(&bucket->staged, -n_packets);
	return refused > 0 ? BACKLOG_FULL : SEND_FAILED;
}

/* Send a copy on its way; MIRRORED if it is, else why not. */
INLINE enum reason dispatch(struct __sk_buff *skb, const struct control *control, const struct device *device,
			    u32 mark, u32 n_packets)
{
	u32 port = mark & PORT_MASK;
	struct bucket *bucket = map_lookup_elem(&buckets, &port);
	struct way_out out = { .n_packets = n_packets };

	if (!bucket)
		return SEND_FAILED;
	choose_road(skb, control, device, bucket, port, &out);
	if (out.road == STRAIGHT) /* a refusal above 0 is the gate's, which has counted why */
		return clone_to(skb, out.ifindex, mark, STRAIGHT, 1) < 0 ? SEND_FAILED : MIRRORED;
	return queue_up(skb, control, bucket, &out, mark);
}

/* Whether it is the turn of a relayed super-packet with that number, 0 if it has none yet. */
INLINE int is_next(const struct queue *queue, u32 number)
{
	return number ? (s32)(number - queue->served) <= 1 : queue->waiting == queue->served;
}

/* Whether nobody's turn has come for so long that segments, or the next one to go, must have been dropped. */
INLINE int is_stuck(const struct queue *queue, u32 number)
{
	return number && (s64)(ktime_get_coarse_ns() - queue->since) > STALLED;
}

/*
 * Whether a relayed super-packet has to let others go first. Its segments meet in the kernel's queue of this CPU
 * with those before it, and with what a sensor on this host is sent; the queue takes as many packets, but a
 * super-packet counts as one of them. So only a quarter of the queue is filled with segments, and who comes then
 * goes to the queue's end again. Others have come there meanwhile: who waits has a number, and goes in its turn.
 */
INLINE int must_wait(struct __sk_buff *skb, const struct control *control, struct bucket *bucket,
		     struct queue *queue)
{
	u32 n_packets = skb->cb[3], number = skb->cb[4];

	if (queue->put - queue->done <= n_packets) { /* nothing else is on its way, whatever was lost */
		queue->staged = bucket->staged = 0;
		queue->served = queue->waiting;
	}
	if (!number)
		__sync_fetch_and_add(&bucket->staged, n_packets); /* from here on its flow has to follow it */
	if (is_stuck(queue, number)) {
		queue->staged = 0;
		queue->served = number - 1;
	}
	if (is_next(queue, number) && (queue->staged <= 0 || queue->staged + n_packets <= control->room / 4)) {
		if ((s32)(number - queue->served) > 0 && number)
			queue->served = number;
		queue->since = ktime_get_coarse_ns();
		queue->staged += n_packets;
		return 0;
	}
	if (!number) {
		if (queue->waiting == queue->served)
			queue->since = ktime_get_coarse_ns();
		queue->waiting = queue->waiting + 1 ?: 1;
		skb->cb[4] = queue->waiting;
	}
	return 1;
}

/*
 * To wake another CPU costs the sender more than the clone does (on a virtual machine, an exit to the host). A CPU
 * that is brought copies in quick succession is kept awake by a packet that goes round in its queue until none has
 * come for WAKE: then a sender only has to put its copy there.
 */
INLINE int stay_awake(struct __sk_buff *skb, struct queue *queue)
{
	u64 now = ktime_get_ns();

	if (skb->cb[3] != (u32)queue->wakeful)
		return TC_ACT_SHOT; /* another one was sent after it, for it was thought lost */
	queue->awake = now - queue->last < WAKE ? now : 0;
	return queue->awake ? redirect(skb->ifindex, BPF_F_INGRESS) : TC_ACT_SHOT;
}

INLINE void keep_awake(struct __sk_buff *skb, struct queue *queue)
{
	u64 now = ktime_get_ns(), since = now - queue->last;
	u32 n_packets = skb->cb[3];

	queue->last = now;
	if (since > WAKE || (queue->awake && now - queue->awake < STALLED))
		return;
	queue->wakeful++;
	skb->cb[2] = WAKEFUL;
	skb->cb[3] = queue->wakeful;
	queue->awake = clone_redirect(skb, skb->ifindex, BPF_F_INGRESS) ? 0 : now;
	skb->cb[2] = RELAYED;
	skb->cb[3] = n_packets;
}
