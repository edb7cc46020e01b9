//! A server that goes away, and answers that are lost on the way, by a wire that can be cut.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings_store::StateError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Between the engine and the server.
struct Wire {
    state: State,
    /// The next COMMIT arrives, but its answer does not.
    lose_commit: Arc<AtomicBool>,
    cut: watch::Sender<bool>,
}

impl Wire {
    async fn to(f: &Fresh) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = url::Url::parse(&f.url).unwrap();
        let server = url.port().unwrap();
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let lose_commit = Arc::new(AtomicBool::new(false));
        let (cut, is_cut) = watch::channel(false);
        let lose = lose_commit.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !*is_cut.borrow() {
                    tokio::spawn(carry(client, server, lose.clone(), is_cut.clone()));
                }
            }
        });
        Wire { state: State::open(url.as_str()).await.unwrap(), lose_commit, cut }
    }

    fn lose_the_next_commit(&self) {
        self.lose_commit.store(true, Ordering::SeqCst);
    }
}

async fn carry(mut client: TcpStream, server: u16, lose: Arc<AtomicBool>, mut cut: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut losing = false;
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(n) if n > 0 => {
                    losing |= up[..n].windows(7).any(|w| w == b"COMMIT\0") && lose.swap(false, Ordering::SeqCst);
                    server.write_all(&up[..n]).await.unwrap();
                }
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(n) if n > 0 && !losing => if client.write_all(&down[..n]).await.is_err() { return },
                _ => return,
            },
            () = async { drop(cut.wait_for(|cut| *cut).await) } => return,
        }
    }
}

fn unreachable<T: std::fmt::Debug>(result: Result<T, StateError>) {
    assert!(matches!(result, Err(StateError::Unreachable { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_commit_neither_repeats_nor_loses_anything() {
    let Some(f) = Fresh::server().await else { return };
    let wire = Wire::to(&f).await;
    let email = outlet(Kind::Message, "email");
    let both = page(vec![mail("ann"), mail("bob")]);
    wire.lose_the_next_commit();
    unreachable(wire.state.enqueue(f.run, &both).await);
    let again = wire.state.enqueue(f.run, &both).await.unwrap();
    assert_eq!((again.inserted, again.known), (0, 2), "it had been written down");

    wire.lose_the_next_commit();
    unreachable(wire.state.claim("w", &email, 10, LEASE, None).await);
    assert!(f.claim(Kind::Message, "email").await.rows.is_empty(), "it had been claimed");
    wire.state.advance(i64::try_from(LEASE.as_micros()).unwrap());
    assert_eq!(wire.state.recover().await.unwrap().returned, 2);

    let claim = wire.state.claim("w", &email, 1, LEASE, None).await.unwrap();
    wire.lose_the_next_commit();
    unreachable(gate_of(&wire.state, &claim).await);
    let again = gate_of(&wire.state, &claim).await.unwrap();
    assert_eq!((again.refused.stale, again.open.len()), (1, 0), "nothing is let out twice");

    let claim = wire.state.claim("w", &email, 1, LEASE, None).await.unwrap();
    let open = gate_of(&wire.state, &claim).await.unwrap().open;
    wire.lose_the_next_commit();
    unreachable(wire.state.settle(claim.token, &[(open[0], sent(None))]).await);
    assert_eq!(wire.state.settle(claim.token, &[(open[0], sent(None))]).await.unwrap().stale, 1);
    let mut states = [f.states("ann").await, f.states("bob").await].concat();
    states.sort();
    assert_eq!(states, [Status::Dispatching, Status::Sent], "one is the lease's business");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_used_again_by_itself() {
    let Some(f) = Fresh::server().await else { return };
    let wire = Wire::to(&f).await;
    wire.state.enqueue(f.run, &page(vec![mail("ann")])).await.unwrap();
    wire.cut.send_replace(true);
    let error = wire.state.claim("w", &outlet(Kind::Message, "email"), 1, LEASE, None).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    wire.cut.send_replace(false);
    drop(wire.state.claim("w", &outlet(Kind::Message, "email"), 1, LEASE, None).await);
    f.by_hand("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidings' AND datname = current_database()")
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(
            wire.state.ledger("ann").await.unwrap().len(),
            1,
            "connections that were ended are noticed"
        );
    }
}
