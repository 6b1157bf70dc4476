//! A mailed link gets its owner in while strangers hammer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::audit::Discard;
use keyward_base::{BoxFuture, Result, Trail};
use keyward_keys::{KeyUse, Life};
use keyward_password::mail::{Ask, Courier, Letter, Mailer, Message, Outbox};
use keyward_password::{Accounts, Identifier, LogIn, Mail, Tried};
use keyward_store::MemoryStore;
use secrecy::ExposeSecret as _;

use crate::throttle::hang_up;
use crate::world::{ANN, RIGHT, World, attempt, from, home, inside, people, purpose, tried};

/// Keeps the letters that came.
#[derive(Debug, Default)]
struct Post(Mutex<Vec<Letter>>);

impl Mailer for Post {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(letter);
            Ok(())
        })
    }
}

async fn mail(world: &World, post: &Arc<Post>) -> (Mail, Courier) {
    let (admin, of) = (world.ring.admin(), purpose("mail"));
    let life = Life::AtMost(Duration::from_secs(3_600));
    admin.add_purpose(&of, KeyUse::Mac(life)).await.unwrap();
    let trail = Trail::new(Arc::new(Discard::new()));
    let mailer: Arc<dyn Mailer> = post.clone();
    let (outbox, courier) = Outbox::new(8, mailer, trail, world.clock.clone());
    let (rows, directory) = (world.rows.clone(), world.directory.clone());
    let accounts = Accounts::new(people(), rows, directory, world.passwords.clone(), outbox);
    let counted = Arc::new(MemoryStore::new(1_000));
    let mail = Mail::builder(accounts.unwrap(), counted).build().await;
    (mail.unwrap(), courier)
}

async fn hammered(world: &World, log_in: &LogIn) {
    for n in 0..100 {
        world.later(Duration::from_secs(900)).await;
        assert!(hang_up(log_in, ANN, from(n)).is_none());
    }
}

#[tokio::test]
async fn a_used_link_lifts_the_limit_and_is_no_password() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let post = Arc::new(Post::default());
    let (mail, mut courier) = mail(&world, &post).await;
    hammered(&world, &log_in).await;
    let Tried::Blocked(blocked) = tried(&log_in, ANN, RIGHT).await else {
        panic!("let through");
    };
    assert!(blocked.needs_link);
    let address = Identifier::email(ANN).unwrap();
    mail.ask(Ask::SignIn, &address, home()).await.unwrap();
    courier.run_once().await;
    let letter = post.0.lock().unwrap().pop().unwrap();
    let link = match letter.message {
        Message::Link { link, .. } => link,
        other => panic!("{other:?}"),
    };
    let used = mail.sign_in(link.expose()).await.unwrap();
    let device = used.device().text().expose_secret().to_owned();
    // Its browser is asked for the password all the same.
    let wrong = attempt(&log_in, ANN, b"wrong", home(), Some(&device)).await;
    assert!(matches!(wrong.unwrap(), Tried::Refused));
    let right = attempt(&log_in, ANN, RIGHT.as_bytes(), home(), Some(&device)).await;
    assert!(!inside(right.unwrap()).is_new_device());
    // Nobody else is let in by it.
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
}

#[tokio::test]
async fn whoever_moved_to_another_address_is_known_at_that_one() {
    const NEW: &str = "ann@new.example";
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    world.later(Duration::from_secs(1)).await;
    let log_in = world.log_in().await;
    let post = Arc::new(Post::default());
    let (mail, mut courier) = mail(&world, &post).await;
    let evidence = inside(tried(&log_in, ANN, RIGHT).await);
    let (old, new) = (Identifier::email(ANN), Identifier::email(NEW));
    let (old, new) = (old.unwrap(), new.unwrap());
    mail.change_email(&old, &new, *evidence).await.unwrap();
    courier.run_once().await;
    let letter = post.0.lock().unwrap().pop().unwrap();
    let Message::Link { link, .. } = letter.message else {
        panic!("no link");
    };
    let changed = mail.confirm_email(link.expose()).await.unwrap();
    let device = changed.device.text().expose_secret().to_owned();
    let right = attempt(&log_in, NEW, RIGHT.as_bytes(), home(), Some(&device)).await;
    assert!(!inside(right.unwrap()).is_new_device());
    assert!(inside(tried(&log_in, NEW, RIGHT).await).is_new_device());
}
