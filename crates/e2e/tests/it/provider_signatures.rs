//! Notifications of shops and payment services, signed as these services do.

use aes::Aes256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use e2e::{
    client::{BROWSER, Client, Tenant, answer, create_key, parameter},
    test_environment::TestEnvironment,
    wait::wait_for,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

const STRIPE: &str = "whsec_of_the_endpoint";
const SHOPIFY: &str = "shpss_of_the_application";
const CLICKBANK: &str = "ASECRETOF16CHARS";
const DIGISTORE24: &str = "a passphrase of the IPN";

fn hmac_sha256(secret: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn stripe_signature(secret: &str, body: &str, seconds_ago: i64) -> String {
    let time = jiff::Timestamp::now().as_second() - seconds_ago;
    let mac = hmac_sha256(secret, &format!("{time}.{body}"));
    format!("t={time},v1={}", domain::hex::encode(&mac))
}

fn clickbank_body(secret: &str, json: &str) -> String {
    let key = domain::hex::encode(&Sha1::digest(secret));
    let iv = b"0123456789abcdef";
    let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(&key.as_bytes()[..32], iv);
    let encrypted = encryptor
        .unwrap()
        .encrypt_padded_vec::<Pkcs7>(json.as_bytes());
    json!({ "notification": STANDARD.encode(encrypted), "iv": STANDARD.encode(iv) }).to_string()
}

fn digistore24_body(passphrase: &str, parameters: &[(&str, &str)]) -> String {
    let signed: String = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}{passphrase}"))
        .collect();
    let signature = domain::hex::encode(&Sha512::digest(signed)).to_uppercase();
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}&"));
    format!("{}sha_sign={signature}", pairs.collect::<String>())
}

#[tokio::test]
async fn notifications_are_accepted_by_the_signatures_of_their_senders() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let seller = Tenant::create(&test_env, &api, "seller").await;
    let edge = test_env.start_edge(&api);
    let worker = test_env.start_worker();
    let client = Client::new(&api, Some(&edge));
    let offer = json!({ "name": "An offer", "tracking_url": "https://e.com/?c={click_id}" });
    let offer = client.create(&seller.key, "/api/v2/offers", &offer).await;
    let link = json!({ "offerId": offer["id"], "listId": seller.list_id });
    let link = client
        .create(&seller.key, "/api/v2/links/shorten", &link)
        .await;
    let url = link["shortUrl"].as_str().unwrap();
    let destination = client.click(url, BROWSER).await.destination();
    let click = parameter(&destination, "c").unwrap();
    let admin = create_key(&test_env, seller.account_id, &["admin"]);
    let path = format!("/api/v2/accounts/{}", seller.account_id);
    let settings = json!({
        "postbacks": "signed", "postback_secrets": [STRIPE, SHOPIFY, CLICKBANK, DIGISTORE24],
    });
    let call = client.call(&admin, Method::PUT, &path, Some(&settings));
    assert_eq!(call.await.0, 200);

    let account = format!("account_id={}", seller.account_id);
    let post = async |preset: &str, more: &str, headers: &[(&str, &str)], body: &str| {
        let path = format!("/api/postbacks/{preset}?{account}{more}");
        let mut request = client.edge_request(Method::POST, &seller.short_host, &path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body.to_owned()).send().await.unwrap();
        let status = response.status();
        let answer: Value =
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
        match answer["code"].as_str() {
            Some(code) => format!("{} {code}", status.as_u16()),
            None => status.as_u16().to_string(),
        }
    };
    // The redirector knows the new settings.
    let unsigned = format!("/conv?{account}&click_id={click}&txn_id=x");
    wait_for("the setting", "invalid_signature".to_owned(), async || {
        let request = client.edge_request(Method::GET, &seller.short_host, &unsigned);
        let (_, body) = answer(request).await;
        body["code"].as_str().unwrap_or_default().to_owned()
    })
    .await;

    let paid = json!({ "type": "checkout.session.completed", "data": { "object": {
        "id": "cs_1", "mode": "payment", "amount_total": 1250, "currency": "usd",
        "payment_intent": "pi_1", "payment_status": "paid", "client_reference_id": click,
    } } })
    .to_string();
    let refused = "403 invalid_signature";
    for (header, more, expected) in [
        (stripe_signature(STRIPE, &paid, 0), "", "200"),
        (stripe_signature(STRIPE, &paid, 301), "", refused),
        (stripe_signature(STRIPE, "{}", 0), "", refused),
        (
            stripe_signature("whsec_of_somebody_else", &paid, 0),
            "",
            refused,
        ),
        // The body is signed, and the query is not.
        (stripe_signature(STRIPE, &paid, 0), "&revenue=9999", refused),
    ] {
        let headers = [("Stripe-Signature", &*header)];
        assert_eq!(post("stripe", more, &headers, &paid).await, expected);
    }
    assert_eq!(post("stripe", "", &[], &paid).await, refused);

    let order = json!({
        "id": 820, "total_price": "41.94", "currency": "USD", "financial_status": "paid",
        "note_attributes": [{ "name": "click_id", "value": click }],
    })
    .to_string();
    let signature = STANDARD.encode(hmac_sha256(SHOPIFY, &order));
    for (signature, expected) in [(&*signature, "200"), ("AAAA", refused)] {
        let headers = [("X-Shopify-Hmac-Sha256", signature)];
        assert_eq!(post("shopify", "", &headers, &order).await, expected);
    }
    // Not by the scheme of another service.
    let headers = [("X-Shopify-Hmac-Sha256", &*signature)];
    assert_eq!(post("stripe", "", &headers, &order).await, refused);

    let sale = json!({
        "transactionType": "SALE", "receipt": "ABCDEFGH", "totalAccountAmount": 10.5,
        "currency": "USD", "trackingCodes": [click],
    })
    .to_string();
    for (body, expected) in [
        (clickbank_body(CLICKBANK, &sale), "200"),
        (
            clickbank_body("ANOTHEROF16CHARS", &sale),
            "403 undecryptable_body",
        ),
        // What everybody could have written.
        (sale.clone(), refused),
    ] {
        assert_eq!(post("clickbank", "", &[], &body).await, expected);
    }

    let parameters = [
        ("amount_affiliate", "5.50"),
        ("cid", &*click),
        ("currency", "EUR"),
        ("event", "on_payment"),
        ("transaction_id", "77"),
        ("transaction_type", "payment"),
    ];
    let ipn = digistore24_body(DIGISTORE24, &parameters);
    for (body, expected) in [
        (ipn.clone(), "200"),
        (ipn.replace("5.50", "55.0"), refused),
        (digistore24_body("another passphrase", &parameters), refused),
    ] {
        assert_eq!(post("digistore24", "", &[], &body).await, expected);
    }

    let expected: Vec<_> = [
        "77 sale 5.5 EUR true",
        "820 sale 41.94 USD true",
        "ABCDEFGH sale 10.5 USD true",
        "pi_1 sale 12.5 USD true",
    ]
    .map(str::to_owned)
    .into();
    wait_for("the conversions", expected, async || {
        let sql = "SELECT concat_ws(' ', txn_id, event, revenue, currency, authenticated::text)
                   FROM conversions
                   ORDER BY 1";
        let rows = test_env.db.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect()
    })
    .await;
    for service in [api, edge, worker] {
        let log: String = service.lines().iter().map(ToString::to_string).collect();
        for secret in [STRIPE, SHOPIFY, CLICKBANK, DIGISTORE24] {
            assert!(!log.contains(secret));
        }
        service.stop();
    }
}
