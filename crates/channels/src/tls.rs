//! Which servers are believed to be who they say.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// TLS with the public authorities and those of a PEM file.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        for certificate in CertificateDer::pem_slice_iter(&pem(file)?) {
            let certificate = certificate.map_err(|e| format!("{} is not PEM: {e}", file.display()))?;
            roots
                .add(certificate)
                .map_err(|e| format!("{} has no usable certificate: {e}", file.display()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be used: {e}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The bytes of a file with certificates.
pub(crate) fn pem(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("the certificates in {} cannot be read: {e}", file.display()))
}
