//! A whole gateway for a test: a real store of its own, real listeners, real far sides over HTTP.
//!
//! `World::with(…)` gives the gateway and both far sides in one line; a test then speaks gRPC like a ministry system, pushes
//! like a channel, and asks the far sides what they were told.

mod channel;
mod engine;
mod eventually;
mod far_side;
mod gateway;
mod ministry;

pub(crate) use channel::{channel_config, signed, write_secrets};
pub(crate) use engine::TestStore;
pub(crate) use eventually::eventually;
pub(crate) use far_side::{RunningFarSide, Scripted, scripted_far_side, serve, serve_router};
pub(crate) use gateway::{World, WorldSettings};
pub(crate) use ministry::{Ministry, basis, new_request_id};
