//! The engine for several gateways on one database: PostgreSQL.
//!
//! Every writing transaction locks the one row of `counters` first and holds it to its end. So transactions of all gateways
//! go one after the other, each sees all that was committed before it, event numbers are gapless and in commit order, and a
//! commit whose reply was lost is over, one way or the other, as soon as the row can be locked again: then it is looked up by
//! its key. A batch of many callers' writes is one such transaction in two round trips (`write`), so the row is held briefly;
//! a gateway that is held up in between is cut off by the database within seconds and holds nobody else up.
//!
//! Reads go over a pool of connections of their own. The database's time decides what falls due and when a lease ends;
//! nothing rests on notifications or advisory locks, so that what speaks PostgreSQL's language can serve.

#![allow(dead_code, unused_imports)]

mod connect;
mod rows;
