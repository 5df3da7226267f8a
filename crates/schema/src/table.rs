//! Reading the committed tables: lines of fields parted by spaces, comments after `#`.

use object::Text;

use crate::resource::{Resource, Subresource, Verb, Verbs, split_api_version};
use crate::version::{KubernetesVersion, ReleaseSet};

/// A group-version of one release, and whether it is on by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) group: Text,
    pub(crate) version: Text,
    pub(crate) by_default: bool,
}

/// What `resources.txt` says of one release.
#[derive(Debug, Default)]
pub(crate) struct ResourceTable {
    /// The group-versions in the order of `/apis`.
    pub(crate) served: Vec<Served>,
    /// The resources in the order of the table.
    pub(crate) resources: Vec<Resource>,
}

/// Gives the lines that hold something, with their numbers from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.starts_with('#'))
}

/// Reads the rows of one release.
///
/// # Errors
/// Names the line that could not be read.
pub(crate) fn read_resources(text: &str, version: KubernetesVersion) -> Result<ResourceTable, String> {
    let mut table = ResourceTable::default();
    let mut current = false;
    for (number, line) in lines(text) {
        let fault = || format!("resources.txt:{number}: {line}");
        let (what, rest) = line.split_once(' ').ok_or_else(fault)?;
        let (releases, rest) = rest.split_once(' ').ok_or_else(fault)?;
        let here = ReleaseSet::parse(releases).ok_or_else(fault)?.contains(version);
        match what {
            "serve" if here => {
                table.served = rest.split(' ').map(served).collect::<Option<_>>().ok_or_else(fault)?;
            }
            "resource" => {
                current = here;
                if here {
                    table.resources.push(resource(rest).ok_or_else(fault)?);
                }
            }
            "sub" if here && current => {
                let resource = table.resources.last_mut().ok_or_else(fault)?;
                resource.subresources.push(subresource(rest).ok_or_else(fault)?);
            }
            "serve" | "sub" => {}
            _ => return Err(fault()),
        }
    }
    Ok(table)
}

fn served(word: &str) -> Option<Served> {
    let by_default = word.starts_with('+');
    let (group, version) = split_api_version(word.strip_prefix(['+', '-'])?);
    Some(Served { group: group.into(), version: version.into(), by_default })
}

fn resource(rest: &str) -> Option<Resource> {
    let mut words = rest.split(' ');
    let (group, version) = split_api_version(words.next()?);
    let (plural, kind, scope, verb_list) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut resource = Resource {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: scope == "namespaced",
        verbs: verbs(verb_list)?,
        subresources: Vec::new(),
    };
    for word in words {
        let (option, value) = word.split_once('=')?;
        let values = || value.split(',').map(Text::from).collect();
        match option {
            "singular" => resource.singular = value.into(),
            "short" => resource.short_names = values(),
            "categories" => resource.categories = values(),
            _ => return None,
        }
    }
    Some(resource)
}

fn subresource(rest: &str) -> Option<Subresource> {
    let words: Vec<&str> = rest.split(' ').collect();
    let [name, verb_list, body, kind] = words[..] else { return None };
    let (group, version) = split_api_version(body);
    Some(Subresource {
        name: name.into(),
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        verbs: verbs(verb_list)?,
    })
}

fn verbs(list: &str) -> Option<Verbs> {
    if list == "all" {
        return Some(Verbs::ALL);
    }
    list.split(',').map(|word| Verb::ALL.into_iter().find(|verb| verb.as_str() == word)).collect()
}
