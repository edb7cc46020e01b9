//! What becomes of memory that is freed.

/// Has the allocator keep what is freed for the next time, rather than give it back: memory that comes from the system
/// anew costs a fault and a clearing for every four kilobytes, a twentieth to a tenth of the time in which customers are
/// loaded and judged (`docs/performance.md`). Asked for once, when a program begins.
///
/// glibc asks the system for each block of 128 kB and more, and gives back what is free at the end of its heaps; once a
/// larger block is freed, it does so beyond that size only, and twice that (`mallopt(3)`, `M_MMAP_THRESHOLD`). So one is
/// freed that is as large as it learns from, of which nothing was ever touched. Other allocators do as they do.
pub fn keep_freed() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGEST)));
}

/// In bytes, with what the block itself needs less than glibc's `DEFAULT_MMAP_THRESHOLD_MAX` on 64 bits.
const LARGEST: usize = (32 << 20) - (64 << 10);
