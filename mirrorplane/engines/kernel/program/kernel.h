/* What the kernel offers: its helper functions (linux/bpf.h, bpf-helpers(7)) and what libbpf reads off sections.
 *
 * Owns no logic of ours.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define SECTION(name) __attribute__((section(name), used))
#define ALIGNED __attribute__((aligned(8))) /* the verifier wants reads of the stack to be */
#define INLINE static inline __attribute__((always_inline))
#define ASIDE static __attribute__((noinline)) /* what few packets need: out of the way of the others */
#define WHOLE __attribute__((noinline)) /* a global function: the verifier looks at it once, by itself */

/* A map's description, as libbpf reads it: numbers are lengths of arrays, types are those of pointers. */
#define NUMBER(name, value) int(*name)[value]
#define TYPE(name, value) typeof(value) *name
#define VALUES(name, value) typeof(value) *name[]

#define HELPER(result, name, ...) static result (*const name)(__VA_ARGS__) = (void *)BPF_FUNC_##name

HELPER(void *, map_lookup_elem, void *map, const void *key);
HELPER(u64, ktime_get_ns, void);
HELPER(u64, ktime_get_coarse_ns, void); /* of the last tick: some ms old, and several times as fast */
HELPER(u32, get_smp_processor_id, void);
HELPER(long, skb_load_bytes, const struct __sk_buff *skb, u32 offset, void *to, u32 length);
HELPER(long, skb_store_bytes, struct __sk_buff *skb, u32 offset, const void *from, u32 length, u64 flags);
HELPER(long, skb_pull_data, struct __sk_buff *skb, u32 length);
HELPER(long, skb_change_head, struct __sk_buff *skb, u32 more, u64 flags);
HELPER(long, skb_change_tail, struct __sk_buff *skb, u32 length, u64 flags);
HELPER(long, skb_adjust_room, struct __sk_buff *skb, s32 more, u32 mode, u64 flags);
HELPER(long, skb_change_type, struct __sk_buff *skb, u32 type);
HELPER(long, skb_vlan_pop, struct __sk_buff *skb);
HELPER(long, set_hash, struct __sk_buff *skb, u32 hash);
HELPER(void, set_hash_invalid, struct __sk_buff *skb);
HELPER(s64, csum_diff, const void *from, u32 from_size, const void *to, u32 to_size, u32 seed);
HELPER(long, clone_redirect, struct __sk_buff *skb, u32 ifindex, u64 flags);
HELPER(long, redirect, u32 ifindex, u64 flags);
HELPER(long, probe_read_kernel, void *to, u32 size, const void *from);

/* The one field that programs are not shown. Where it lies is filled in at load time from the kernel's BTF. */
struct sk_buff {
	u8 ip_summed : 2;
} __attribute__((preserve_access_index));

enum { FIELD_BYTE_OFFSET = 0, FIELD_BYTE_SIZE = 1, FIELD_LSHIFT_U64 = 4, FIELD_RSHIFT_U64 = 5 };

#define CHECKSUM_PARTIAL 3 /* include/linux/skbuff.h: the device is to finish the checksum */

INLINE int has_unfinished_checksum(struct __sk_buff *skb)
{
	struct sk_buff *whole = (void *)skb;
	u64 value = 0;

	if (probe_read_kernel(&value, __builtin_preserve_field_info(whole->ip_summed, FIELD_BYTE_SIZE),
			      (void *)skb + __builtin_preserve_field_info(whole->ip_summed, FIELD_BYTE_OFFSET)))
		return 1; /* staging finishes what needs it, and does no harm to what does not */
	value <<= __builtin_preserve_field_info(whole->ip_summed, FIELD_LSHIFT_U64);
	value >>= __builtin_preserve_field_info(whole->ip_summed, FIELD_RSHIFT_U64);
	return value == CHECKSUM_PARTIAL;
}
