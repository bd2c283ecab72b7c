//! Invitations and links for new passwords that are mailed.

use std::sync::{Arc, Mutex};

use e2e::{
    user::{PASSWORD, SignedIn},
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{Fixture, OWNER, code};

/// A server that takes mail (SMTP, RFC 5321) and refuses the first message, as a busy one does.
#[derive(Clone, Default)]
struct MailServer {
    messages: Arc<Mutex<Vec<String>>>,
    n_refused: Arc<Mutex<usize>>,
}

impl MailServer {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = Self::default();
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                // A client that goes away ends its connection only.
                tokio::spawn(async move { drop(server.serve(stream).await) });
            }
        });
        (server, url)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.example ESMTP\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let answer = match line.split(' ').next().unwrap_or_default() {
                "EHLO" => "250 mail.example",
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut text = String::new();
                    while let Some(line) = lines.next_line().await? {
                        if line == "." {
                            break;
                        }
                        text.push_str(&line);
                        text.push('\n');
                    }
                    self.take(text)
                }
                "QUIT" => return write.write_all(b"221 bye\r\n").await,
                _ => "250 ok",
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    fn take(&self, text: String) -> &'static str {
        let mut n_refused = self.n_refused.lock().unwrap();
        if *n_refused == 0 {
            *n_refused += 1;
            return "451 try again later";
        }
        self.messages.lock().unwrap().push(text);
        "250 taken"
    }

    /// The message of this number, once it has come.
    async fn message(&self, index: usize) -> String {
        wait_for("a message", true, async || {
            self.messages.lock().unwrap().len() > index
        })
        .await;
        self.messages.lock().unwrap()[index].clone()
    }
}

/// The token of the link in a message.
fn token(message: &str, path: &str) -> String {
    // A long line may be broken.
    let message = message.replace("=\n", "");
    let (_, rest) = message.split_once(path).unwrap();
    rest.chars().take(43).collect()
}

#[tokio::test]
async fn links_are_mailed_and_tried_again_and_prove_the_address() {
    let (mail, url) = MailServer::start().await;
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "Waypost <waypost@example.com>"),
        ("DASHBOARD_URL", "https://app.example.com"),
    ];
    let mut fixture = Fixture::start_with(&settings).await;
    fixture.service.expect_in_log("sending a mail failed");
    let client = &fixture.client;
    let owner = fixture.owner().await;
    let guest = "guest@example.com";
    let body = json!({ "email": guest, "role": "analyst" });
    let invited = owner
        .call(client, Method::POST, "/api/v2/invitations", body)
        .await;
    assert_eq!((invited.0, &invited.1["link"]), (201, &Value::Null));
    let message = mail.message(0).await;
    for part in [
        "To: guest@example.com",
        "Subject: Invitation to Glimmerfen",
        "waypost@example.com",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let token_of_invitation = token(&message, "https://app.example.com/invitations/");
    let path = format!("/api/v2/invitations/{token_of_invitation}/accept");
    let body = json!({ "name": "Ada", "password": PASSWORD });
    assert_eq!(fixture.post(&path, body).await.0, 201);
    let verified = "SELECT count(*) FROM users
                    WHERE email = 'guest@example.com' AND email_verified_at IS NOT NULL";
    assert_eq!(fixture.test_env.count(verified).await, 1);
    // Whether there is a user, the answer does not tell.
    for email in ["nobody@example.com", OWNER, "no address"] {
        let answer = fixture
            .post("/api/v2/password-resets", json!({ "email": email }))
            .await;
        assert_eq!(
            answer,
            (202, json!({ "success": true, "requested": true })),
            "{email}"
        );
    }
    let message = mail.message(1).await;
    assert!(message.contains("To: owner@example.com"), "{message}");
    let token = token(&message, "https://app.example.com/password-resets/");
    let path = format!("/api/v2/password-resets/{token}");
    let body = json!({ "password": "another horse battery" });
    assert_eq!(fixture.post(&path, body).await.0, 200);
    let waiting = "SELECT count(*) FROM mail_outbox";
    wait_for("an empty outbox", 0, async || {
        fixture.test_env.count(waiting).await
    })
    .await;
    assert_eq!(mail.messages.lock().unwrap().len(), 2);
    // Neither the log nor the database has a token.
    let log = format!("{:?}", fixture.service.lines());
    assert!(
        !log.contains(&token) && !log.contains(&token_of_invitation),
        "{log}"
    );
    fixture.service.stop();
}

#[tokio::test]
async fn an_address_gets_few_links() {
    let (mail, url) = MailServer::start().await;
    *mail.n_refused.lock().unwrap() = 1;
    let settings = [
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "waypost@example.com"),
    ];
    let fixture = Fixture::start_with(&settings).await;
    for _ in 0..8 {
        let answer = fixture
            .post("/api/v2/password-resets", json!({ "email": OWNER }))
            .await;
        assert_eq!(answer.0, 202);
    }
    let waiting = "SELECT count(*) FROM mail_outbox";
    wait_for("an empty outbox", 0, async || {
        fixture.test_env.count(waiting).await
    })
    .await;
    assert_eq!(mail.messages.lock().unwrap().len(), 5);
    // The old password still works.
    SignedIn::new(&fixture.client, OWNER).await;
}

#[tokio::test]
async fn without_a_mail_server_operators_make_the_links() {
    let fixture = Fixture::start().await;
    let answer = fixture
        .post("/api/v2/password-resets", json!({ "email": OWNER }))
        .await;
    assert_eq!(answer.0, 202);
    assert_eq!(
        fixture
            .test_env
            .count("SELECT count(*) FROM mail_outbox")
            .await,
        0
    );
    let malformed = fixture
        .post("/api/v2/password-resets/x", json!({ "password": "x" }))
        .await;
    assert_eq!(code(malformed), "404 link_not_valid");
}
