//! What searches keep in memory (protocol-spec/07-delivery, section 12).

use super::*;

const ID: ConversationId = ConversationId::from_bytes([3; 16]);
const NOW: Timestamp = Timestamp::from_secs(1000);

/// A block with a text of so many bytes, and the one that ends it.
fn block(number: u64, bytes: usize) -> Block {
    let mut block = Block::new(number);
    block.add(block.read() + 1, NOW, &"x".repeat(bytes - 1), false);
    block
}

#[test]
fn memory_is_bounded_and_counted() {
    let mut search = Search::default();
    search.keep(ID, 0, block(0, MEMORY - 10));
    search.keep(ID, 1, block(1, 10));
    assert_eq!(search.bytes, MEMORY);
    search.keep(ID, 2, block(2, 7));
    assert_eq!(search.bytes, MEMORY);
    let kept = |search: &Search| search.blocks[&ID].keys().copied().collect::<Vec<_>>();
    assert_eq!(kept(&search), [0, 1]);
    search.forget(ID, 128, NOW);
    search.forget(ID, 1, NOW);
    assert_eq!(search.bytes, 10);
    search.keep(ID, 2, block(2, 7));
    search.keep(ID, 2, block(2, 9));
    assert_eq!((kept(&search), search.bytes), (vec![1, 2], 19));
    search.forget(ConversationId::from_bytes([4; 16]), 1, NOW);
    search.keep_only(|id| *id != ID);
    assert_eq!(search.bytes, 0);
}

#[test]
fn messages_have_their_blocks() {
    assert_eq!((numbers(0), numbers(1), numbers(128), numbers(129)), (0..0, 0..1, 0..1, 0..2));
    assert_eq!((block_of(1), block_of(128), block_of(129)), (0, 0, 1));
    assert_eq!((Block::new(1).read(), Block::last(1)), (128, 256));
    assert_eq!((last_in(0, 5), last_in(0, 500)), (5, 128));
}
