# Annals as a small image: one binary, no shell needed to run it, no root.
# Plain instructions only, so that both of Docker's builders can make it.

FROM rust:1-slim-bookworm AS build
WORKDIR /src

# The dependencies first, behind a layer that only the manifest and the lock file can invalidate: every source file that the
# manifest expects is there, and empty.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src && echo 'fn main() {}' >src/main.rs && touch src/lib.rs \
    && sed -n 's/^path = "\(.*\)"/\1/p' Cargo.toml | xargs -I{} install -D /dev/null {} \
    && cargo build --release --locked \
    && cargo clean --release --package annals

COPY . .
RUN cargo build --release --locked --bin annals

FROM debian:bookworm-slim
# Where a SQLite file goes when no Postgres is named, and the columns of the reports.
RUN groupadd --gid 10001 annals \
    && useradd --uid 10001 --gid annals --no-create-home --home-dir /var/lib/annals --shell /usr/sbin/nologin annals \
    && install --directory --owner annals --group annals /var/lib/annals /var/lib/annals/columns
COPY --from=build /src/target/release/annals /usr/local/bin/annals
USER 10001:10001
WORKDIR /var/lib/annals
# Loopback would be the container's own; who publishes the port decides who reaches it.
ENV ANNALS_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD ["annals", "healthcheck"]
ENTRYPOINT ["annals"]
CMD ["serve"]
