//! TLS as a client: certificates that chain to a public root, and nothing less.

use std::sync::Arc;

/// For the database, whose proxy's certificate chains to Amazon's public roots, and for services on the internet. The
/// roots are built in: reading the machine's takes time at each cold start.
///
/// # Errors
/// Never with the ciphers we build with; the library can't know.
pub fn client() -> Result<rustls::ClientConfig, rustls::Error> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
