/* The programs of the kernel engine, each on a clsact hook, and what they do in turn.
 *
 *   source device            staging pair (offloads off)          uplink
 *   tap_ingress, tap_egress
 *     classify, select, clone --- A: gate_egress  straight ones: cut, wrapped, redirected ---> wire
 *     the original goes on        A: the kernel segments and completes the others
 *         |                       B: gate_ingress  the same for each segment ----------------> wire
 *         +-- relay pair, to another CPU or namespace: relay -> A, or cut and wrapped at once
 *
 * The original always goes on as if we were not there (TC_ACT_UNSPEC: the next filter decides).
 */
#include "classify.h"
#include "roads.h"
#include "select.h"

INLINE enum reason mirror(struct __sk_buff *skb, const struct control *control, const struct device *device, const struct source *source,
			  u32 generation, struct way *way, enum direction direction)
{
	struct packet packet = {};
	enum reason reason = classify(skb, source, &packet);
	u32 n_packets = wire_packets(skb, &packet);
	struct template *template;
	struct verdict verdict;
	struct fate fate;

	way->seen += n_packets;
	verdict.reason = reason;
	verdict.template = NONE;
	if (reason == MIRRORED)
		verdict = decide(generation, source, device->source, direction, &packet, n_packets);
	if (verdict.reason == MIRRORED) {
		fate.generation = generation;
		fate.direction = direction;
		fate.template = verdict.template;
		fate.port = packet.flow & PORT_MASK;
		template = row_of(&templates, generation, verdict.template);
		verdict.reason = template ? template->reason : NO_ROUTE;
		if (verdict.reason == MIRRORED)
			verdict.reason = dispatch(skb, control, device, mark_of(&fate), n_packets);
	}
	if (verdict.reason != MIRRORED && verdict.reason < N_REASONS)
		way->reasons[verdict.reason] += n_packets;
	return verdict.reason;
}

INLINE int tap(struct __sk_buff *skb, enum direction hook)
{
	struct place place = { .namespace = namespace, .ifindex = skb->ifindex };
	struct device *device = map_lookup_elem(&devices, &place);
	enum direction direction;
	struct control *control;
	struct source *source;
	u32 row = 0, generation;
	struct way *way;

	control = map_lookup_elem(&settings, &row);
	if (!device || !control)
		return TC_ACT_UNSPEC;
	generation = control->generation & 1;
	source = row_of(&sources, generation, device->source);
	if (!source || !source->present)
		return TC_ACT_UNSPEC;
	direction = source->turned ? INGRESS + EGRESS - hook : hook;
	row = device->source * N_DIRECTIONS + direction;
	way = map_lookup_elem(&ways, &row);
	if (way)
		mirror(skb, control, device, source, generation, way, direction);
	return TC_ACT_UNSPEC;
}

SECTION("tc") int tap_ingress(struct __sk_buff *skb)
{
	return tap(skb, INGRESS);
}

SECTION("tc") int tap_egress(struct __sk_buff *skb)
{
	return tap(skb, EGRESS);
}

/* Nobody else sends by the pair. A map lives as long as a program names it: all are named here, so that whoever
 * takes over finds them by this program, also those of taps whose devices have gone, and the ledger. */
INLINE int stray(void)
{
	void *kept[] = { &settings, &devices, &tunnels, &rules_counted, &sources, &classifiers, &nodes,
			 &bitmaps, &decisions, &slots, &ledger };
	struct tunnel key = {};

	for (u32 n = 0; n < sizeof(kept) / sizeof(*kept); n++)
		map_lookup_elem(kept[n], &key);
	return TC_ACT_SHOT;
}

/* On A: what needs nothing of staging leaves here, without passing the pair. */
SECTION("tc") int gate_egress(struct __sk_buff *skb)
{
	if (skb->cb[0] == MAGIC && skb->cb[2] == STRAIGHT)
		return encapsulate(skb, skb->cb[1]);
	return skb->mark ? TC_ACT_UNSPEC : stray();
}

/* On B: a segment, its checksum complete. */
SECTION("tc") int gate_ingress(struct __sk_buff *skb)
{
	leave_staging(skb->mark);
	return encapsulate(skb, skb->mark);
}

/* On a relay's other end: on the CPU that is to do the work, in the engine's namespace. What needs nothing of staging
 * is sent at once, unless others of its flow are in there. */
SECTION("tc") int relay(struct __sk_buff *skb)
{
	u32 zero = 0, mark = skb->cb[1], port = mark & PORT_MASK;
	struct control *control = map_lookup_elem(&settings, &zero);
	struct bucket *bucket = map_lookup_elem(&buckets, &port);
	struct queue *queue = own_queue();

	if (skb->cb[0] != MAGIC || !control || !bucket || !queue)
		return TC_ACT_SHOT;
	if (skb->cb[2] == WAKEFUL)
		return stay_awake(skb, queue);
	keep_awake(skb, queue);
	if (!skb->gso_size && bucket->staged <= 0 && !has_unfinished_checksum(skb)) {
		__sync_fetch_and_add(&queue->done, 1);
		return encapsulate(skb, mark);
	}
	if (must_wait(skb, control, bucket, queue))
		return redirect(skb->ifindex, BPF_F_INGRESS);
	skb->mark = mark;
	return redirect(control->staging, 0);
}

char _license[] SECTION("license") = "GPL";
