//! HAProxy in front of two redirectors, configured as `deploy/haproxy.cfg`.

use std::{
    net::SocketAddr,
    process::{Child, Command},
};

use crate::{servers::workspace, wait::wait_for};

/// A running HAProxy, which is killed when it is dropped.
pub struct Balancer {
    child: Child,
    address: SocketAddr,
}

impl Balancer {
    /// Starts HAProxy in front of two running redirectors: their addresses and admin ports.
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
        // The process may have ended already.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
