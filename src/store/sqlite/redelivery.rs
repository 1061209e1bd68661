//! A delivery that is over is sent once more: what the far side was told and does not have.

use rusqlite::params;

use super::{
    delivery::{Standing, dead_letter_revive_in_tx, standing_in_tx},
    rows::{DELIVERED, PENDING, nanos},
    writer::Tx,
};
use crate::store::{DeliveryId, StoreError};

/// Its key and its place in its lane stay; what is said of it from now on is what this sending comes to.
pub(super) fn delivery_send_again_in_tx(tx: &mut Tx<'_>, id: DeliveryId) -> Result<bool, StoreError> {
    let Some(it) = standing_in_tx(tx, id)? else { return Ok(false) };
    if it.state != PENDING {
        // Whoever asks for this knows that it did not arrive.
        tx.sql("UPDATE deliveries SET in_doubt = 0 WHERE n = ?1")?.execute([it.n])?;
    }
    match it.state {
        PENDING => Ok(false),
        DELIVERED => delivered_revive_in_tx(tx, &it),
        _ => dead_letter_revive_in_tx(tx, &it),
    }
}

fn delivered_revive_in_tx(tx: &mut Tx<'_>, it: &Standing) -> Result<bool, StoreError> {
    let tally = tx.tally(&it.channel);
    tally.delivered -= 1;
    // The rest of a revival counts it out of the dead letters.
    tally.dead_letters += 1;
    let sql = "UPDATE deliveries SET remote_reference = NULL, next_at = ?2 WHERE n = ?1";
    tx.sql(sql)?.execute(params![it.n, nanos(tx.now)])?;
    dead_letter_revive_in_tx(tx, it)
}
