/* What a copy looks like: mirrorplane.stages.truncate and encapsulate, in place.
 *
 * Owns PacketLength, the target's MTU, the outer header, tags put back into the frame, and counting a copy as
 * mirrored. It is given wire packets only: no super-packets, checksums complete. Must not know rules.
 */
#pragma once

#include "maps.h"
#include "parse.h"

enum {
	LENGTH4 = 50,
	LENGTH6 = 70,
	OVER_UDP = UDP_LEN + VXLAN_LEN,
	MOST_TAGS = 8, /* those behind the second are not looked through, but put back */
	MACS_LEN = 12,
	PACKET_HOST = 0, /* linux/if_packet.h: for this host, whatever the MAC address says */
	CHUNK = 256, /* bytes that are looked at at once: the stack has 512 */
	MAX_CHUNKS = 34, /* of the longest PacketLength, 8500, and layer 2 */
	MAX_SHIFT = 4095, /* the most that adjust_room takes away at once */
	MAX_SHIFTS = 17, /* of the longest packet, 65535 */
};

/* What tap decided about a copy, as it travels in skb->mark; never 0. */
struct fate {
	u32 generation;
	enum direction direction;
	u32 template;
	u32 port; /* the outer source port's 14 bits, which are the flow's bucket too */
};

INLINE u32 mark_of(const struct fate *fate)
{
	return fate->generation << 31 | (fate->direction == EGRESS) << 30 | (fate->template + 1) << 14 | fate->port;
}

INLINE int read_mark(u32 mark, struct fate *fate)
{
	u32 row = mark >> 14 & 0xffff;

	fate->generation = mark >> 31;
	fate->direction = mark >> 30 & 1 ? EGRESS : INGRESS;
	fate->template = row - 1;
	fate->port = mark & PORT_MASK;
	return row != 0;
}

INLINE u32 fold(u64 value)
{
	value = (value >> 32) + (value & 0xffffffff);
	value = (value >> 16) + (value & 0xffff);
	value = (value >> 16) + (value & 0xffff);
	return (value >> 16) + (value & 0xffff);
}

/* The packet's length on the wire from layer 3 on, as far as it is there. */
INLINE u32 layer3_length(struct __sk_buff *skb, const struct layer2 *frame)
{
	u8 header[IPV6_LEN] ALIGNED;
	u32 whole = 0;

	if (frame->type == TYPE_IPV4 && frame->there >= IPV4_LEN &&
	    load(skb, frame->here, header, IPV4_LEN) == 0) {
		if (!ipv4_lengths(header, frame->there, 0, &whole))
			whole = 0;
	} else if (frame->type == TYPE_IPV6 && frame->there >= IPV6_LEN &&
		   load(skb, frame->here, header, IPV6_LEN) == 0) {
		whole = ipv6_length(skb, frame->here, header, frame->there, 0);
	}
	return whole ? whole : frame->there;
}

/* Take the tags that devices keep beside the frame; return how many, each with its type in the high half. */
INLINE u32 take_tags(struct __sk_buff *skb, u32 tags[MOST_TAGS])
{
	u32 n = 0;

	for (; n < MOST_TAGS && skb->vlan_present; n++) {
		tags[n] = from_wire(skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);
		if (skb_vlan_pop(skb))
			break;
	}
	return n;
}

/* The sum of `length` bytes from `at` on, in the order of the wire. */
WHOLE u32 sum_of(struct __sk_buff *skb, u32 at, u32 length)
{
	u8 bytes[CHUNK];
	u64 total = 0;

	for (int n = 0; n < MAX_CHUNKS && length; n++) {
		u32 size = length < sizeof(bytes) ? length : sizeof(bytes);

		if (size < sizeof(bytes))
			__builtin_memset(bytes, 0, sizeof(bytes));
		if (size == 0 || size > sizeof(bytes) || skb_load_bytes(skb, at, bytes, size))
			return 0;
		total += (u32)csum_diff(0, 0, bytes, sizeof(bytes), 0);
		at += size;
		length -= size;
	}
	return fold(total);
}

/* Cut what change_tail refuses to: packets of a tunnel (skb->encapsulation), and any before what the sender left as
 * the transport header (behind a long chain of IPv6 headers). The kept bytes are moved to the packet's end, but for
 * the MAC addresses and the type; then what lies between is taken out. */
WHOLE int cut_short(struct __sk_buff *skb, u32 kept)
{
	u32 surplus = skb->len - kept, left = kept - ETHERNET_LEN;
	u8 bytes[CHUNK];

	for (int n = 0; n < MAX_CHUNKS && left; n++) { /* the last ones first: the two places may overlap */
		u32 size = left < CHUNK ? left : CHUNK, at = ETHERNET_LEN + left - size;

		if (size == 0 || size > CHUNK || skb_load_bytes(skb, at, bytes, size) ||
		    skb_store_bytes(skb, at + surplus, bytes, size, 0))
			return 0;
		left -= size;
	}
	for (int n = 0; n < MAX_SHIFTS && surplus; n++) {
		u32 size = surplus < MAX_SHIFT ? surplus : MAX_SHIFT;

		if (skb_adjust_room(skb, -(s32)size, BPF_ADJ_ROOM_MAC, 0))
			return 0;
		surplus -= size;
	}
	return !left && !surplus;
}

/* Cut the packet to its first bytes. */
INLINE int cut(struct __sk_buff *skb, u32 kept)
{
	return skb->len <= kept || skb_change_tail(skb, kept, 0) == 0 || cut_short(skb, kept);
}

INLINE void put16(u8 *at, u32 value)
{
	at[0] = value >> 8;
	at[1] = value;
}

INLINE void write4(u8 *outer, const struct template *template, u32 kept, u32 port)
{
	u32 length = 20 + OVER_UDP + kept;

	__builtin_memcpy(outer, template->header, LENGTH4);
	put16(outer + 16, length);
	put16(outer + 24, fold(template->checksum + length) ^ 0xffff);
	put16(outer + 34, port);
	put16(outer + 38, OVER_UDP + kept);
}

INLINE void write6(u8 *outer, const struct template *template, u32 kept, u32 port, u32 inner)
{
	u32 length = OVER_UDP + kept, checksum;

	__builtin_memcpy(outer, template->header, LENGTH6);
	put16(outer + 18, length);
	put16(outer + 54, port);
	put16(outer + 58, length);
	checksum = fold(template->checksum + 2 * length + port + inner) ^ 0xffff;
	put16(outer + 60, checksum ? checksum : 0xffff);
}

/* Put tags back behind the MAC addresses, which stand `n_tags` tags too far right. */
INLINE int put_tags(struct __sk_buff *skb, u32 at, const u32 tags[MOST_TAGS], u32 n_tags)
{
	u8 macs[MACS_LEN], tag[TAG_LEN];

	if (skb_load_bytes(skb, at + n_tags * TAG_LEN, macs, MACS_LEN) ||
	    skb_store_bytes(skb, at, macs, MACS_LEN, 0))
		return 0;
	for (u32 n = 0; n < MOST_TAGS && n < n_tags; n++) {
		put16(tag, tags[n] >> 16);
		put16(tag + 2, tags[n]);
		if (skb_store_bytes(skb, at + MACS_LEN + n * TAG_LEN, tag, TAG_LEN, 0))
			return 0;
	}
	return 1;
}

INLINE int write_outer(struct __sk_buff *skb, const struct template *template, u32 kept, u32 port)
{
	u32 inner = template->length == LENGTH6 ? from_wire(sum_of(skb, LENGTH6, kept)) : 0;
	void *data, *end;

	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (template->length == LENGTH6) {
		if (data + LENGTH6 > end)
			return 0;
		write6(data, template, kept, port, inner);
	} else {
		if (data + LENGTH4 > end)
			return 0;
		write4(data, template, kept, port);
	}
	return 1;
}

INLINE void count_mirrored(const struct fate *fate, const struct template *template, u32 length, int truncated)
{
	u32 row = template->source * N_DIRECTIONS + fate->direction, session = template->session;
	struct way *way = map_lookup_elem(&ways, &row);
	struct tally *tally = map_lookup_elem(&tallies, &session);

	if (way)
		way->reasons[MIRRORED]++;
	if (!tally)
		return;
	tally->mirrored_packets++;
	tally->mirrored_bytes += length - ETHERNET_LEN;
	tally->truncated_packets += truncated;
}

INLINE void lose(const struct fate *fate, const struct template *template, u32 reason)
{
	u32 row = template->source * N_DIRECTIONS + fate->direction;
	struct way *way = map_lookup_elem(&ways, &row);

	if (way && reason < N_REASONS)
		way->reasons[reason]++;
}

/* Cut the copy and write its envelope; return what the program is to return. */
INLINE int send(struct __sk_buff *skb, const struct fate *fate, const struct template *template)
{
	u32 tags[MOST_TAGS] = {}, whole, kept, here, n_tags;
	struct layer2 frame;

	read_layer2(skb, &frame);
	whole = frame.length + layer3_length(skb, &frame);
	kept = whole - frame.length;
	if (kept > (u32)template->packet_length)
		kept = template->packet_length;
	kept += frame.length;
	if (kept > (u32)template->room)
		kept = template->room;
	n_tags = take_tags(skb, tags);
	here = kept - n_tags * TAG_LEN;
	if (skb->vlan_present || kept < frame.length || !cut(skb, here) ||
	    skb_change_head(skb, template->length + n_tags * TAG_LEN, 0) ||
	    (n_tags && !put_tags(skb, template->length, tags, n_tags)) ||
	    !write_outer(skb, template, kept, MIN_PORT + fate->port)) {
		lose(fate, template, SEND_FAILED);
		return TC_ACT_SHOT;
	}
	count_mirrored(fate, template, template->length + kept, kept < whole);
	skb->mark = 0;
	if (skb->pkt_type != PACKET_HOST) /* loopback hands on what it finds there */
		skb_change_type(skb, PACKET_HOST);
	return redirect(template->outlet, 0);
}

INLINE int encapsulate(struct __sk_buff *skb, u32 mark)
{
	struct template *template;
	struct fate fate;

	if (!read_mark(mark, &fate))
		return TC_ACT_SHOT; /* not ours: nobody else sends here */
	template = row_of(&templates, fate.generation, fate.template);
	if (!template)
		return TC_ACT_SHOT;
	if (template->reason != MIRRORED) {
		lose(&fate, template, template->reason);
		return TC_ACT_SHOT;
	}
	return send(skb, &fate, template);
}
