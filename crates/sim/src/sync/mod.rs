//! Primitives by which the tasks of one process wait for each other.
//!
//! They are for one thread and need no handle to the kernel: waking goes through `std`'s wakers to the ready queue, whose
//! order is the strategy's. Who is woken is first come, first served; no `RefCell` is left borrowed across an await.
//! Between processes there are only connections and datagrams.
//!
//! Each can be given a name, which the diagnosis of a deadlock shows.

mod channel;
mod latch;
mod notify;
pub mod oneshot;
mod semaphore;

pub use channel::{
    Receiver, SendError, Sender, TryRecvError, TrySendError, UnboundedSender, channel, unbounded,
};
pub use latch::Latch;
pub use notify::{Notified, Notify};
pub use semaphore::{Acquire, Permit, Semaphore, SemaphoreClosed};
