//! Many use one link at once.

use std::sync::Arc;

use keyward_base::Subject;
use keyward_password::mail::{Ask, LinkKind};

use crate::world::{World, chosen, own};

const TASKS: usize = 64;

fn password(task: usize) -> String {
    format!("words that task {task} has chosen")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_use_a_reset_one_wins_and_the_password_is_its_own() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let processes = [
        Arc::new(world.process().await),
        Arc::new(world.process().await),
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (by, token) = (processes[task % 2].clone(), token.clone());
        tasks.spawn(async move {
            let prepared = by.mail.reset(&token, chosen(&password(task)).await).await;
            let done = match prepared {
                Ok(prepared) => by.finish(prepared).await.is_ok(),
                Err(_) => false,
            };
            done.then_some(task)
        });
    }
    let mut won = Vec::new();
    while let Some(done) = tasks.join_next().await {
        won.extend(done.unwrap());
    }
    assert_eq!(won.len(), 1);
    for task in 0..TASKS {
        let lets_in = here
            .log_in("ada@example.com", &password(task))
            .await
            .is_some();
        assert_eq!(lets_in, won.contains(&task), "{task}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_use_a_sign_in_or_sign_up_one_wins() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
    let sign_in = here.token(LinkKind::SignIn).await;
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    let sign_up = here.token(LinkKind::SignUp).await;
    let processes = [
        Arc::new(world.process().await),
        Arc::new(world.process().await),
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let by = processes[task % 2].clone();
        let (sign_in, sign_up) = (sign_in.clone(), sign_up.clone());
        tasks.spawn(async move {
            let signed_in = by.mail.sign_in(&sign_in).await.is_ok();
            let subject = Subject::new(&format!("subject-{task}")).unwrap();
            let password = chosen(&password(task)).await;
            let made = by.mail.sign_up(&sign_up, password, &subject, &own()).await;
            (usize::from(signed_in), made.ok().map(|_| task))
        });
    }
    let (mut signed_in, mut made) = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (one, task) = done.unwrap();
        signed_in += one;
        made.extend(task);
    }
    assert_eq!((signed_in, made.len()), (1, 1));
    assert_eq!(world.rows("credential/users").await.len(), 2);
    assert!(
        here.log_in("new@example.com", &password(made[0]))
            .await
            .is_some()
    );
}
