//! Attributes that an operator may declare as indexed.

/// An attribute of interactions without a permanent index. An operator may declare that it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexedAttribute {
    /// `createdDate`
    CreatedDate,
    /// `endDate`
    EndDate,
    /// `modifiedDate`
    ModifiedDate,
}

impl IndexedAttribute {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 3] = [Self::CreatedDate, Self::EndDate, Self::ModifiedDate];

    /// The name of the attribute in filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedDate => "createdDate",
            Self::EndDate => "endDate",
            Self::ModifiedDate => "modifiedDate",
        }
    }

    /// The attribute with a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The attribute with a name.
    ///
    /// # Errors
    /// A sentence without its subject that lists the attributes.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::of_name(name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("is none of the attributes that may be indexed: {names}")
        })
    }
}
