//! HAProxy before two redirectors, as `deploy/haproxy.cfg` has it.

use std::{
    net::SocketAddr,
    process::{Child, Command},
};

use crate::{servers::workspace, wait::wait_for};

/// Dropped, it is killed.
pub struct Balancer {
    child: Child,
    address: SocketAddr,
}

impl Balancer {
    /// Between the addresses and admin ports of two redirectors, which are up.
    pub async fn start(address: SocketAddr, edges: [(SocketAddr, u16); 2]) -> Self {
        let mut command = Command::new("haproxy");
        command
            .args(["-db", "-q"])
            .arg("-f")
            .arg(workspace().join("deploy/haproxy.cfg"))
            .env("BIND", address.to_string());
        for (i, (edge, admin_port)) in edges.into_iter().enumerate() {
            command
                .env(format!("EDGE_{}", i + 1), edge.to_string())
                .env(format!("EDGE_{}_ADMIN", i + 1), admin_port.to_string());
        }
        let child = command.spawn().expect("haproxy is installed");
        let balancer = Self { child, address };
        wait_for("the balancer to pass requests", true, async || {
            let answer = reqwest::get(format!("{}/", balancer.url())).await;
            answer.is_ok_and(|answer| answer.status() == 404)
        })
        .await;
        balancer
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It may have ended.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
