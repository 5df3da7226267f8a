//! Addresses and node ports of services.
//!
//! Upstream: `pkg/registry/core/service/{ipallocator,portallocator}`. What is taken is read from the services
//! themselves; the choice among what is free is the driver's entropy.

use crate::call::Call;
use crate::driver::{Driver, ReadAt};
use crate::field::{FieldError, FieldPath};
use crate::server::ServerOptions;
use crate::status::Refusal;
use object::{GroupResource, ObjectExt, Text, Value, value};
use std::collections::BTreeSet;

/// What is taken of the ranges, and what they are.
pub(crate) struct Ranges<'a> {
    options: &'a ServerOptions,
    addresses: BTreeSet<u32>,
    ports: BTreeSet<u16>,
}

impl<D: Driver> Call<'_, D> {
    /// Reads what other services have taken; nothing for any other resource.
    pub async fn ranges(&self) -> Result<Option<Ranges<'_>>, Refusal> {
        if !self.storage.group.is_empty() || &*self.storage.resource != "services" {
            return Ok(None);
        }
        let services = GroupResource::new("", "services");
        let snapshot = self.list_other(&services, ReadAt::Latest).await?;
        let mut ranges =
            Ranges { options: self.server.options(), addresses: BTreeSet::new(), ports: BTreeSet::new() };
        for service in snapshot.list(&services, None) {
            let itself =
                (service.namespace(), service.name()) == (&*self.request.namespace, &*self.request.name);
            if !itself {
                ranges.addresses.extend(address(service["spec"]["clusterIP"].str()));
                let ports = service["spec"]["ports"].items().iter();
                ranges.ports.extend(ports.filter_map(|port| u16::try_from(port["nodePort"].int()).ok()));
            }
        }
        Ok(Some(ranges))
    }

    /// Gives a service the address and the ports that it lacks.
    ///
    /// # Errors
    /// With status 422 when it asks for one that is taken or out of range, 500 when nothing is free.
    pub fn allocate(&self, ranges: Option<&Ranges<'_>>, service: &mut Value) -> Result<(), Refusal> {
        let Some(ranges) = ranges else { return Ok(()) };
        let mut errors = Vec::new();
        let kind = service["spec"]["type"].str().to_owned();
        if kind != "ExternalName" {
            self.allocate_address(ranges, service, &mut errors)?;
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            self.allocate_ports(ranges, service, &mut errors)?;
        } else {
            release_ports(service);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Refusal::invalid(&self.group_kind(), service.name(), &errors))
        }
    }

    fn allocate_address(
        &self,
        ranges: &Ranges<'_>,
        service: &mut Value,
        errors: &mut Vec<FieldError>,
    ) -> Result<(), Refusal> {
        match service["spec"]["clusterIP"].str() {
            "None" => {}
            "" => {
                let free = ranges.free_address(number(&self.driver.name_suffix()));
                let free =
                    free.ok_or_else(|| Refusal::internal("failed to allocate a serviceIP: range is full"))?;
                let text = std::net::Ipv4Addr::from(free).to_string();
                service.set(&["spec", "clusterIPs"], value!([&text]));
                service.set(&["spec", "clusterIP"], text);
            }
            asked => {
                if let Some(fault) = ranges.address_fault(asked) {
                    let path = FieldPath::new("spec").child("clusterIPs");
                    let detail = format!("failed to allocate IP {asked}: {fault}");
                    errors.push(FieldError::invalid(&path, &service["spec"]["clusterIPs"], &detail));
                }
            }
        }
        Ok(())
    }

    fn allocate_ports(
        &self,
        ranges: &Ranges<'_>,
        service: &mut Value,
        errors: &mut Vec<FieldError>,
    ) -> Result<(), Refusal> {
        let mut own = BTreeSet::new();
        for at in 0..service["spec"]["ports"].items().len() {
            let port = &service["spec"]["ports"][at];
            let asked = &port["nodePort"];
            let taken = |port: &u16| ranges.ports.contains(port) || own.contains(port);
            let number = if asked.is_null() {
                let free = ranges.free_port(number(&self.driver.name_suffix()), taken);
                let free =
                    free.ok_or_else(|| Refusal::internal("failed to allocate a nodePort: range is full"))?;
                if let Some(port) =
                    service.slot(&["spec", "ports"]).items_mut().and_then(|ports| ports.get_mut(at))
                {
                    port.set(&["nodePort"], u32::from(free));
                }
                free
            } else {
                let asked_number = u16::try_from(asked.int()).unwrap_or(0);
                if let Some(fault) = ranges.port_fault(asked_number) {
                    let path = FieldPath::new("spec").child("ports").index(at).child("nodePort");
                    errors.push(FieldError::invalid(&path, asked, &fault));
                }
                asked_number
            };
            own.insert(number);
        }
        Ok(())
    }
}

/// A service that is not reached through nodes has no ports there.
fn release_ports(service: &mut Value) {
    if service["spec"]["ports"].items().iter().any(|port| !port["nodePort"].is_null()) {
        crate::edit::each(service, &["spec", "ports"], |port| drop(port.remove(&["nodePort"])));
    }
}

impl Ranges<'_> {
    fn first_address(&self) -> u32 {
        u32::from_be_bytes(self.options.service_range_start)
    }

    /// How many addresses can be given out: all but the first and the last of the range.
    fn address_count(&self) -> u32 {
        let host_bits = 32 - u32::from(self.options.service_range_prefix.clamp(1, 30));
        (1_u32 << host_bits) - 2
    }

    /// Gives a free address. The lower part of the range is used last: it is for those who choose their own.
    fn free_address(&self, entropy: u32) -> Option<u32> {
        let (first, count) = (self.first_address() + 1, self.address_count());
        let lower = if count < 16 { 0 } else { (count / 16).clamp(16, 256) };
        let upper = count - lower;
        let from_upper = (0..upper).map(|step| lower + (entropy + step) % upper);
        let from_lower = (0..lower).map(|step| (entropy + step) % lower);
        from_upper
            .chain(from_lower)
            .map(|offset| first + offset)
            .find(|address| !self.addresses.contains(address))
    }

    fn address_fault(&self, text: &str) -> Option<String> {
        let Some(address) = address(text) else {
            return Some("the provided network does not match the current range".to_owned());
        };
        let first = self.first_address() + 1;
        if !(first..first + self.address_count()).contains(&address) {
            return Some("the provided network does not match the current range".to_owned());
        }
        self.addresses.contains(&address).then(|| "provided IP is already allocated".to_owned())
    }

    fn free_port(&self, entropy: u32, taken: impl Fn(&u16) -> bool) -> Option<u16> {
        let (low, high) = (self.options.node_port_min, self.options.node_port_max);
        let count = u32::from(high.saturating_sub(low)) + 1;
        let offsets = (0..count).map(|step| (entropy + step) % count);
        offsets.filter_map(|offset| low.checked_add(u16::try_from(offset).ok()?)).find(|port| !taken(port))
    }

    fn port_fault(&self, port: u16) -> Option<String> {
        let (low, high) = (self.options.node_port_min, self.options.node_port_max);
        if !(low..=high).contains(&port) {
            return Some(format!(
                "provided port is not in the valid range. The range of valid ports is {low}-{high}"
            ));
        }
        self.ports.contains(&port).then(|| "provided port is already allocated".to_owned())
    }
}

fn address(text: &str) -> Option<u32> {
    text.parse::<std::net::Ipv4Addr>().ok().map(u32::from)
}

/// Makes a number of the letters of a suffix, so that one source of entropy is enough.
fn number(suffix: &Text) -> u32 {
    suffix.bytes().fold(0, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % (1 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges<'a>(options: &'a ServerOptions, taken: &[&str], ports: &[u16]) -> Ranges<'a> {
        Ranges {
            options,
            addresses: taken.iter().filter_map(|text| address(text)).collect(),
            ports: ports.iter().copied().collect(),
        }
    }

    #[test]
    fn addresses_come_from_the_upper_part_and_are_never_given_twice() {
        let options = ServerOptions {
            service_range_start: [10, 0, 0, 0],
            service_range_prefix: 29,
            ..ServerOptions::default()
        };
        let mut taken: Vec<String> = Vec::new();
        for _ in 0..6 {
            let texts: Vec<&str> = taken.iter().map(String::as_str).collect();
            let free = ranges(&options, &texts, &[]).free_address(4).expect("six fit");
            taken.push(std::net::Ipv4Addr::from(free).to_string());
        }
        assert_eq!(taken, ["10.0.0.5", "10.0.0.6", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]);
        let texts: Vec<&str> = taken.iter().map(String::as_str).collect();
        assert_eq!(ranges(&options, &texts, &[]).free_address(4), None);
        let wide = ServerOptions::default();
        assert_eq!(ranges(&wide, &[], &[]).free_address(0), address("10.96.1.1"));
    }

    #[test]
    fn what_is_asked_for_must_be_free_and_in_range() {
        let options = ServerOptions::default();
        let ranges = ranges(&options, &["10.96.0.1"], &[30_001]);
        assert_eq!(ranges.address_fault("10.96.0.1").as_deref(), Some("provided IP is already allocated"));
        assert!(ranges.address_fault("10.95.0.1").is_some_and(|fault| fault.contains("current range")));
        assert_eq!(ranges.address_fault("10.96.0.2"), None);
        assert_eq!(ranges.port_fault(30_001).as_deref(), Some("provided port is already allocated"));
        assert!(ranges.port_fault(80).is_some_and(|fault| fault.ends_with("30000-32767")));
        assert_eq!(ranges.free_port(1, |port| ranges.ports.contains(port)), Some(30_002));
    }
}
