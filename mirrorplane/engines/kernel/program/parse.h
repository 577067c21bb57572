/* What a frame is: mirrorplane.wire and mirrorplane.stages.classify over an skb.
 *
 * Owns reading headers. Bytes are copied out (skb_load_bytes), because they may lie outside of the linear area,
 * and pulling them there would change the packet that goes on. A tag that a device has taken out of the frame
 * counts as if it were there. Must not know rules.
 */
#pragma once

#include "constants.h"
#include "flow.h"
#include "kernel.h"

enum { NO_PORT = -1, CUT = -1 };

#define NEAR 256 /* bytes that headers are read within, if they can be: the verifier wants a bound */

/* DSTs: protocol numbers as mirrorplane.wire.transport has them. */
enum { TCP = 6, UDP = 17, DCCP = 33, SCTP = 132, UDP_LITE = 136 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION_OPTIONS = 60 };

struct layer2 {
	s32 type; /* CUT: the frame ends before it */
	u32 here; /* bytes of it in the skb */
	u32 length; /* bytes of it on the wire */
	u32 there; /* bytes after it */
};

struct packet {
	u64 flow;
	u8 source[16]; /* IPv4: the first four bytes */
	u8 destination[16];
	s32 source_port;
	s32 destination_port;
	u32 layer3; /* where it begins in the skb */
	u32 whole; /* its length, as far as it is there */
	u32 layer4; /* bytes before layer 4 */
	u8 version; /* 0: not IP, or mirrored without a rule */
	u8 protocol;
	u8 is_fragment;
	u8 has_transport; /* the header's start is in this packet, not in another fragment */
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IN_ORDER(bits, value) __builtin_bswap##bits(value)
#else
#define IN_ORDER(bits, value) (value)
#endif

/* The numbers at a place that is a multiple of their size away from an ALIGNED one. */
INLINE u32 be16(const void *at)
{
	return IN_ORDER(16, *(const u16 *)at);
}

INLINE u32 be32(const void *at)
{
	return IN_ORDER(32, *(const u32 *)at);
}

INLINE u64 be64(const void *at)
{
	return IN_ORDER(64, *(const u64 *)at);
}

/* A number that the kernel keeps, or sums up, as it lies on the wire. */
INLINE u32 from_wire(u16 number)
{
	return be16(&number);
}

/* Copy bytes of the frame: straight from the linear area if they are there, which spares a call. */
INLINE int load(struct __sk_buff *skb, u32 at, void *to, const u32 length)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (at < NEAR && data + at + length <= end) {
		__builtin_memcpy(to, data + at, length);
		return 0;
	}
	return skb_load_bytes(skb, at, to, length);
}

INLINE int is_tag(s32 type)
{
	return type == TYPE_VLAN || type == TYPE_SERVICE_VLAN;
}

/* ethernet.network: through up to two tags. */
INLINE void read_layer2(struct __sk_buff *skb, struct layer2 *found)
{
	u32 taken = skb->vlan_present ? 1 : 0, tags = taken;
	u8 type[2] ALIGNED;

	found->here = ETHERNET_LEN;
	found->type = CUT;
	if (load(skb, ETHERNET_LEN - 2, type, 2) == 0) {
		found->type = be16(type);
		for (; tags < MAX_TAGS && is_tag(found->type); tags++) {
			found->type = CUT;
			if (load(skb, found->here + 2, type, 2))
				break;
			found->type = be16(type);
			found->here += TAG_LEN;
		}
	}
	found->length = found->here + taken * TAG_LEN;
	found->there = skb->len > found->here ? skb->len - found->here : 0;
}

/* ipv4.lengths; a super-packet's length may not fit its header. Returns the header's length, 0 if it lies. */
INLINE u32 ipv4_lengths(const u8 *header, u32 there, int is_super, u32 *whole)
{
	u32 length = (header[0] & 0xf) * 4, total = be16(header + 2);

	if (is_super)
		total = there;
	if (length < IPV4_LEN || length > there || total < length)
		return 0;
	*whole = total < there ? total : there;
	return length;
}

/* ipv6._jumbo_length: of the jumbo option of the hop-by-hop header at `at`; 0 without one, else at least 1. */
WHOLE u32 jumbo_length(struct __sk_buff *skb, u32 at, u32 there)
{
	u8 head[2], option[6] ALIGNED;
	u32 end, place = 2;

	if (there < EXTENSION_UNIT || skb_load_bytes(skb, at, head, 2))
		return 0;
	end = (head[1] + 1) * EXTENSION_UNIT;
	if (end > there)
		return 0;
	for (u32 step = 0; step < MAX_OPTIONS && place + 2 <= end; step++) {
		u32 after;

		if (skb_load_bytes(skb, at + place, option, 2))
			return 0;
		if (option[0] == 0) { /* Pad1 */
			place += 1;
			continue;
		}
		after = place + 2 + option[1];
		if (after > end)
			return 0;
		if (option[0] == 0xc2 && option[1] == 4) { /* RFC 2675 */
			if (skb_load_bytes(skb, at + place, option, 6))
				return 0;
			end = be16(option + 2) << 16 | be16(option + 4);
			return end ? end : 1;
		}
		place = after;
	}
	return 0;
}

/* ipv6.length: 0 if the header lies about it. */
INLINE u32 ipv6_length(struct __sk_buff *skb, u32 at, const u8 *header, u32 there, int is_super)
{
	u32 payload = be16(header + 4), jumbo = 0, whole;

	if (is_super)
		return there;
	if (header[6] == HOP_BY_HOP)
		jumbo = jumbo_length(skb, at + IPV6_LEN, there - IPV6_LEN);
	if (jumbo == 0) {
		if (payload == 0 && there > PADDED_LEN && header[6] != NO_NEXT_HEADER)
			return 0;
		whole = IPV6_LEN + payload;
	} else {
		if (payload || jumbo < MIN_JUMBO)
			return 0;
		if (jumbo > there - IPV6_LEN)
			return there;
		whole = IPV6_LEN + jumbo;
	}
	return whole < there ? whole : there;
}

INLINE int is_extension(u32 number)
{
	return number == HOP_BY_HOP || number == ROUTING || number == FRAGMENT || number == DESTINATION_OPTIONS;
}

/* ipv6.upper_layer: protocol, where its header begins, and whether the packet is a fragment. 0: cut short. */
INLINE int read_extensions(struct __sk_buff *skb, u32 following, struct packet *found)
{
	u32 before = IPV6_LEN;
	u8 extension[4] ALIGNED;

	for (int n = 0; n < MAX_EXTENSIONS && is_extension(following); n++) {
		u32 size = EXTENSION_UNIT;

		if (before + EXTENSION_UNIT > found->whole ||
		    skb_load_bytes(skb, found->layer3 + before, extension, 4))
			return 0;
		if (following == FRAGMENT) {
			u32 flags = be16(extension + 2);

			if (flags & 0xfff9)
				found->is_fragment = 1;
			if (flags & 0xfff8) {
				found->protocol = extension[0];
				found->layer4 = before + EXTENSION_UNIT;
				found->has_transport = 0;
				return 1;
			}
		} else {
			size = (extension[1] + 1) * EXTENSION_UNIT;
		}
		if (before + size > found->whole)
			return 0;
		following = extension[0];
		before += size;
	}
	found->protocol = is_extension(following) ? UNKNOWN_PROTOCOL : following;
	found->layer4 = before;
	return 1;
}

INLINE int has_ports(u32 protocol)
{
	return protocol == TCP || protocol == UDP || protocol == SCTP || protocol == UDP_LITE || protocol == DCCP;
}

INLINE void read_ports(struct __sk_buff *skb, struct packet *found)
{
	u8 ports[PORTS_LEN] ALIGNED;

	if (!found->has_transport || !has_ports(found->protocol) || found->layer4 + PORTS_LEN > found->whole)
		return;
	if (load(skb, found->layer3 + found->layer4, ports, PORTS_LEN))
		return;
	found->source_port = be16(ports);
	found->destination_port = be16(ports + 2);
}

/* The IPv4 packet at found->layer3. Returns 0 if it is malformed. */
INLINE int read_ipv4(struct __sk_buff *skb, u32 there, struct packet *found)
{
	u8 header[IPV4_LEN] ALIGNED;
	u32 flags;

	if (there < IPV4_LEN || load(skb, found->layer3, header, IPV4_LEN) || header[0] >> 4 != 4)
		return 0;
	found->layer4 = ipv4_lengths(header, there, skb->gso_size != 0, &found->whole);
	if (!found->layer4)
		return 0;
	flags = be16(header + 6);
	found->version = 4;
	found->protocol = header[9];
	found->is_fragment = (flags & 0x3fff) != 0;
	found->has_transport = (flags & 0x1fff) == 0;
	__builtin_memcpy(found->source, header + 12, 4);
	__builtin_memcpy(found->destination, header + 16, 4);
	return 1;
}

/* The IPv6 packet at found->layer3. Returns 0 if it is malformed. */
ASIDE int read_ipv6(struct __sk_buff *skb, u32 there, struct packet *found)
{
	u8 header[IPV6_LEN] ALIGNED;

	if (there < IPV6_LEN || load(skb, found->layer3, header, IPV6_LEN) || header[0] >> 4 != 6)
		return 0;
	found->whole = ipv6_length(skb, found->layer3, header, there, skb->gso_size != 0);
	if (!found->whole)
		return 0;
	found->version = 6;
	found->has_transport = 1;
	__builtin_memcpy(found->source, header + 8, 16);
	__builtin_memcpy(found->destination, header + 24, 16);
	return read_extensions(skb, header[6], found);
}

/* classify: ports of a fragment do not go into its hash, so that all fragments of a datagram agree. */
INLINE u64 flow_of(const struct packet *found)
{
	int hashed = !found->is_fragment && found->source_port != NO_PORT;
	u32 one = hashed ? found->source_port : 0, other = hashed ? found->destination_port : 0;

	if (found->version == 4)
		return between(endpoint4(be32(found->source), one), endpoint4(be32(found->destination), other),
			       found->protocol);
	return between(endpoint6(be64(found->source), be64(found->source + 8), one),
		       endpoint6(be64(found->destination), be64(found->destination + 8), other), found->protocol);
}

/* Segments on the wire: the kernel counts them, unless they come from a guest (virtio leaves that open). */
INLINE u32 wire_packets(struct __sk_buff *skb, const struct packet *found)
{
	u32 size = skb->gso_size, before = found->layer3 + found->layer4;
	u8 offset;

	if (!size)
		return 1;
	if (skb->gso_segs)
		return skb->gso_segs;
	if (found->protocol == UDP)
		before += UDP_LEN;
	else if (found->protocol == TCP && skb_load_bytes(skb, before + 12, &offset, 1) == 0)
		before += (offset >> 4) * 4;
	return skb->len > before ? (skb->len - before + size - 1) / size : 1;
}
