//! The streams on which git speaks to git, beside those of clients: nothing is lost on them, and each side
//! keeps to the credit that the other one gave.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use miyabi_plan::Site;
use tokio::sync::{Semaphore, mpsc};

/// How many bytes a site may send before they are taken.
pub(crate) const GIT_CREDIT: u32 = 1024 * 1024;
/// More credit than this is not kept: nobody needs it.
const MOST_CREDIT: usize = 64 * 1024 * 1024;

/// The near end of a stream.
#[derive(Debug)]
pub(crate) struct GitStream {
    /// Its number.
    pub(crate) id: u32,
    /// What the site sends; ends when the service there has ended.
    pub(crate) from_site: mpsc::UnboundedReceiver<Vec<u8>>,
    /// How many bytes the site still takes.
    pub(crate) credit: Arc<Semaphore>,
    /// Why the service there ended, where that was no good end.
    pub(crate) why: Arc<OnceLock<String>>,
}

/// All that are open.
#[derive(Debug, Default)]
pub(crate) struct GitStreams {
    open: HashMap<u32, Open>,
}

#[derive(Debug)]
struct Open {
    site: Site,
    /// How many bytes the site may still send.
    allowed: u64,
    to: mpsc::UnboundedSender<Vec<u8>>,
    credit: Arc<Semaphore>,
    why: Arc<OnceLock<String>>,
}

impl GitStreams {
    pub(crate) fn open(&mut self, id: u32, site: Site) -> GitStream {
        let (to, from_site) = mpsc::unbounded_channel();
        let credit = Arc::new(Semaphore::new(0));
        let allowed = u64::from(GIT_CREDIT);
        let why: Arc<OnceLock<String>> = Arc::default();
        self.open.insert(id, Open { site, allowed, to, credit: credit.clone(), why: why.clone() });
        GitStream { id, from_site, credit, why }
    }

    fn of(&mut self, site: &Site, id: u32) -> Option<&mut Open> {
        self.open.get_mut(&id).filter(|open| &open.site == site)
    }

    /// We allow a site more.
    pub(crate) fn allow(&mut self, site: &Site, id: u32, bytes: u32) {
        if let Some(open) = self.of(site, id) {
            open.allowed = open.allowed.saturating_add(u64::from(bytes));
        }
    }

    /// Takes bytes from a site. A stream on which more comes than is allowed is over: git must not go on with
    /// a part of what was said. Whether it is one of these.
    pub(crate) fn take(&mut self, site: &Site, id: u32, bytes: Vec<u8>) -> bool {
        let Some(open) = self.of(site, id) else { return false };
        match open.allowed.checked_sub(bytes.len() as u64) {
            Some(left) => {
                open.allowed = left;
                // A carriage that has ended closes its stream just now.
                drop(open.to.send(bytes));
            }
            None => {
                tracing::warn!(%site, "more came on a stream than was allowed; it is ended");
                self.open.remove(&id);
            }
        }
        true
    }

    /// A site allows us more.
    pub(crate) fn credit(&mut self, site: &Site, id: u32, bytes: u32) {
        if let Some(open) = self.of(site, id) {
            let room = MOST_CREDIT.saturating_sub(open.credit.available_permits());
            open.credit.add_permits(room.min(bytes as usize));
        }
    }

    /// The service at the other end is over. Whether it was one of these.
    pub(crate) fn ended(&mut self, site: &Site, id: u32, why: &str) -> bool {
        let Some(open) = self.of(site, id) else { return false };
        if !why.is_empty() {
            // It is said once.
            drop(open.why.set(why.to_owned()));
        }
        self.open.remove(&id);
        true
    }

    /// Our end is over.
    pub(crate) fn close(&mut self, id: u32) {
        self.open.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_git_loses_nothing_and_ends_where_more_comes_than_is_allowed() {
        let (mut streams, here) = (GitStreams::default(), Site::There("MUGEN".parse().expect("an id")));
        let mut near = streams.open(7, here.clone());
        assert!(!streams.take(&Site::Here, 7, vec![9]), "another site's");
        assert!(streams.take(&here, 7, vec![1, 2]));
        assert_eq!(near.from_site.try_recv().expect("bytes"), [1, 2]);
        streams.credit(&here, 7, u32::MAX);
        streams.credit(&here, 7, u32::MAX);
        assert_eq!(near.credit.available_permits(), MOST_CREDIT);
        assert!(streams.take(&here, 7, vec![0; GIT_CREDIT as usize]), "two bytes too many");
        assert_eq!(near.from_site.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(!streams.ended(&here, 7, ""), "it is over");
    }
}
