//! Pages of steps as they were written for somebody before: many ask for the same one, and a long one takes longer to write
//! than all else that its answer needs.

use std::sync::Arc;

use awo_models::OrderId;
use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::version_tag::VersionTag;

/// Bytes of all pages that are kept.
const MOST: u64 = 16 << 20;
/// Orders that as many bytes are guessed to be of.
const ORDERS: usize = 256;

/// The last page of each order that was asked for lately. Whether it is still the newest is told by its tag: equal tags, equal
/// bodies. Clones share the pages.
#[derive(Debug, Clone)]
pub(crate) struct WrittenPages(Arc<Cache<OrderId, Page, Bulk>>);

#[derive(Debug, Clone)]
struct Page {
    tag: VersionTag,
    text: Bytes,
}

#[derive(Debug, Clone)]
struct Bulk;

impl Weighter<OrderId, Page> for Bulk {
    fn weight(&self, _: &OrderId, page: &Page) -> u64 {
        page.text.len() as u64
    }
}

impl Default for WrittenPages {
    fn default() -> Self {
        Self(Arc::new(Cache::with_weighter(ORDERS, MOST, Bulk)))
    }
}

impl WrittenPages {
    /// The page of an order that has this tag, written if it is not kept.
    pub(crate) fn page<E>(
        &self,
        order: OrderId,
        tag: &VersionTag,
        write: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Bytes, E> {
        if let Some(kept) = self.0.get(&order).filter(|kept| kept.tag == *tag) {
            return Ok(kept.text);
        }
        let text = Bytes::from(write()?);
        self.0.insert(order, Page { tag: tag.clone(), text: text.clone() });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn order(n: u8) -> OrderId {
        OrderId::new(1, [n; 10])
    }

    fn page(pages: &WrittenPages, n: u8, version: &str, text: &str) -> Bytes {
        pages.page(order(n), &VersionTag::plain(version), || Ok::<_, Infallible>(text.into())).unwrap()
    }

    #[test]
    fn a_page_is_written_once_for_each_version() {
        let pages = WrittenPages::default();
        assert_eq!(page(&pages, 1, "7", "seven"), "seven");
        assert_eq!(page(&pages, 1, "7", "written again"), "seven");
        assert_eq!(page(&pages, 2, "7", "of another order"), "of another order");
        assert_eq!(page(&pages, 1, "8", "eight"), "eight");
        assert_eq!(page(&pages, 1, "7", "seven again"), "seven again", "an older page is not kept beside a newer one");
    }

    #[test]
    fn what_cannot_be_written_is_not_kept() {
        let pages = WrittenPages::default();
        assert_eq!(pages.page(order(1), &VersionTag::plain("7"), || Err("a defect")), Err("a defect"));
        assert_eq!(page(&pages, 1, "7", "seven"), "seven");
    }

    #[test]
    fn no_more_than_so_many_bytes_are_kept() {
        let (pages, long) = (WrittenPages::default(), "x".repeat(usize::try_from(MOST / 8).unwrap()));
        for n in 0..32 {
            assert_eq!(page(&pages, n, "7", &long).len(), long.len());
        }
        assert!(pages.0.weight() <= MOST, "{}", pages.0.weight());
        let whole = "x".repeat(usize::try_from(MOST + 1).unwrap());
        assert_eq!(page(&pages, 1, "8", &whole).len(), whole.len());
        assert!(pages.0.weight() <= MOST, "{}", pages.0.weight());
    }
}
