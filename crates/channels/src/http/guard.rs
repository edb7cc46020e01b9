//! Which hosts requests may go to. A configured name must not lead into the network that the daemon stands
//! in, whatever its DNS says today, and nothing leads to a cloud's metadata.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// What a host name may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The public internet.
    Public,
    /// This machine.
    Loopback,
    /// The company's network too.
    Private,
}

/// Reads an address from the configuration.
pub(crate) fn checked(text: &str, private_network: bool) -> Result<(Url, Reach), String> {
    let url = Url::parse(text).map_err(|e| format!("`{text}` is no address of a service: {e}"))?;
    let reach = match url.host() {
        _ if private_network => Reach::Private,
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => Reach::Loopback,
        Some(Host::Ipv4(ip)) => literal(ip.into()),
        Some(Host::Ipv6(ip)) => literal(ip.into()),
        _ => Reach::Public,
    };
    match url.host() {
        Some(Host::Ipv4(ip)) => permitted(ip.into(), reach)?,
        Some(Host::Ipv6(ip)) => permitted(ip.into(), reach)?,
        Some(Host::Domain(_)) => {}
        None => return Err(format!("`{text}` names no host")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address carries no account; write the header `Authorization: Basic env:NAME`".into());
    }
    match url.scheme() {
        "https" => Ok((url, reach)),
        "http" if reach != Reach::Public => Ok((url, reach)),
        _ => Err(format!("`{text}` has to begin with https://, since customers' data goes there")),
    }
}

/// An address that is written out is meant.
fn literal(ip: IpAddr) -> Reach {
    if is_public(ip) { Reach::Public } else { Reach::Private }
}

/// Whether a request may go to that address.
fn permitted(ip: IpAddr, reach: Reach) -> Result<(), String> {
    let ip = plain(ip);
    let fine = match reach {
        _ if never(ip) => false,
        Reach::Public => is_public(ip),
        Reach::Loopback => ip.is_loopback(),
        Reach::Private => true,
    };
    if fine {
        return Ok(());
    }
    let help = "if it is a service in the company's own network, write `private_network: true`";
    let help = if never(ip) { "no service of a shop is there" } else { help };
    Err(format!("requests do not go to {ip}; {help}"))
}

/// An IPv4 address in the clothes of an IPv6 one is what it is.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => match (v6.to_ipv4_mapped(), v6.segments()) {
            (Some(v4), _) => v4.into(),
            // NAT64
            (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
                Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
            }
            _ => ip,
        },
        v4 => v4,
    }
}

/// Where no service of a shop is: link-local addresses with the clouds' metadata among them, nowhere, and everybody.
fn never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.octets().first().is_none_or(|first| *first == 0 || *first >= 240)
                || [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)].contains(&v4)
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified()
                || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

fn is_public(ip: IpAddr) -> bool {
    let ip = plain(ip);
    let private = match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && b & 254 == 18)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    };
    !private && !never(ip)
}

/// Looks names up, and forgets the addresses that requests must not go to.
pub(crate) struct Guard(pub Reach);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut fine, mut refused) = (Vec::<SocketAddr>::new(), None);
            for address in found {
                match permitted(address.ip(), reach) {
                    Ok(()) => fine.push(address),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if fine.is_empty() => Err(why.into()),
                _ => Ok(Box::new(fine.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_never_reached_and_private_addresses_only_when_they_are_meant() {
        for never in [
            "169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "0.0.0.0",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
        ] {
            let ip: IpAddr = never.parse().unwrap();
            assert!(permitted(ip, Reach::Private).is_err(), "{never}");
            let url = if ip.is_ipv6() { format!("http://[{never}]/") } else { format!("http://{never}/") };
            assert!(checked(&url, true).is_err(), "{never}");
        }
        for private in [
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "127.0.0.1",
            "::1",
            "fd12::1",
            "::ffff:10.0.0.1",
            "100.64.0.1",
        ] {
            let ip: IpAddr = private.parse().unwrap();
            assert!(permitted(ip, Reach::Public).is_err(), "{private}");
            assert!(permitted(ip, Reach::Private).is_ok(), "{private}");
        }
        for public in ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"] {
            assert!(permitted(public.parse().unwrap(), Reach::Public).is_ok(), "{public}");
        }
        assert!(permitted("10.0.0.1".parse().unwrap(), Reach::Loopback).is_err());
    }

    #[test]
    fn addresses_in_the_configuration_are_safe_ones() {
        let reach = |text| checked(text, false).map(|(_, reach)| reach);
        assert_eq!(reach("https://sms.example/send"), Ok(Reach::Public));
        assert_eq!(reach("http://localhost:8080/"), Ok(Reach::Loopback));
        assert_eq!(reach("http://10.0.0.5/"), Ok(Reach::Private));
        assert_eq!(checked("http://shop:8080/", true).map(|(_, reach)| reach), Ok(Reach::Private));
        for text in [
            "http://sms.example/",
            "http://0xa9fea9fe/",
            "http://2852039166/",
            "https://user:pw@sms.example/",
            "https://token@sms.example/",
            "ftp://localhost/",
            "sms",
        ] {
            assert!(reach(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        let look = |reach| Guard(reach).resolve("localhost".parse().unwrap());
        let refused = look(Reach::Public).await.err().unwrap().to_string();
        assert!(refused.contains("private_network"), "{refused}");
        assert!(look(Reach::Loopback).await.unwrap().all(|a| a.ip().is_loopback()));
    }
}
