from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError
from cutpoint.store.remote_url import RemoteUrl


def test_a_url_says_where_and_how() -> None:
    where = RemoteUrl.parse(
        "s3://bucket/a/b/?endpoint=http://127.0.0.1:8333/&region=eu-central-1&timeout_seconds=5&retry_seconds=0"
        "&bytes_per_second=1e6&operations_per_second=10&cache=/var/cache/cut%20point&cache_bytes=1000"
    )
    assert where == RemoteUrl(
        scheme="s3",
        bucket="bucket",
        prefix="a/b",
        endpoint="http://127.0.0.1:8333",
        region="eu-central-1",
        timeout_seconds=5,
        retry_seconds=0,
        bytes_per_second=1e6,
        operations_per_second=10,
        cache="/var/cache/cut point",
        cache_bytes=1000,
    )
    assert RemoteUrl.parse(str(where)) == where


def test_what_is_as_by_default_is_not_in_the_url() -> None:
    assert str(RemoteUrl.parse("gs://bucket")) == "gs://bucket"
    assert str(RemoteUrl.parse("az://box/a/?account=me&retry_seconds=60")) == "az://box/a?account=me"


@given(
    st.builds(
        RemoteUrl,
        scheme=st.just("s3"),
        bucket=st.from_regex(r"[a-z0-9][a-z0-9._-]{1,20}", fullmatch=True),
        prefix=st.from_regex(r"([A-Za-z0-9][A-Za-z0-9._-]{0,5}/){0,3}[A-Za-z0-9]{1,3}", fullmatch=True),
        retry_seconds=st.floats(0, 1e6).map(lambda seconds: float(f"{seconds:.15g}")),
        bytes_per_second=st.none() | st.floats(1e-3, 1e12).map(lambda rate: float(f"{rate:.15g}")),
        cache=st.none() | st.text(st.characters(exclude_categories=["C", "Z"])).map(lambda text: f"/{text}"),
        cache_bytes=st.integers(1),
    )
)
def test_the_url_of_any_store_opens_it_again(where: RemoteUrl) -> None:
    assert RemoteUrl.parse(str(where)) == where


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3://", "does not name a bucket"),
        ("s3:///prefix", "does not name a bucket"),
        ("s3://Bucket/a", "does not name a bucket"),
        ("s3://bucket/a b", "has a prefix with something else in it"),
        ("s3://bucket/../b", "has a prefix with something else in it"),
        ("s3://bucket/a%2fb", "has a prefix with something else in it"),
        ("s3://bucket?region", "name=value&name=value"),
        ("s3://bucket?region=", "an option region that is not a region's name"),
        ("s3://bucket?region=a&region=b", "twice an option, region"),
        ("s3://bucket?endpoint=127.0.0.1:80", "an option endpoint that is not http://host:port"),
        ("s3://bucket?endpoint=http://host:port", "an option endpoint that is not http://host:port"),
        ("s3://bucket?retry_seconds=soon", "an option retry_seconds that is not seconds"),
        ("s3://bucket?retry_seconds=-1", "an option retry_seconds that is not seconds"),
        ("s3://bucket?timeout_seconds=nan", "an option timeout_seconds that is not seconds, more than 0"),
        ("s3://bucket?bytes_per_second=0", "an option bytes_per_second that is not a number, more than 0"),
        ("s3://bucket?cache=relative", "an option cache that is not an absolute path"),
        ("s3://bucket?cache_bytes=1.5", "an option cache_bytes that is not a whole number"),
        ("s3://bucket?colour=blue", "an option that it cannot have, colour"),
        ("gs://bucket?region=eu", "an option that it cannot have, region"),
        ("s3://bucket?account=me", "an option that it cannot have, account"),
        ("ftp://bucket", "begins with s3://, gs://, az://"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RemoteUrl.parse(url)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "s3://hunter:two@bucket/prefix",
        "s3://bucket?access_key_id=hunter&secret_access_key=two",
        "s3://bucket?hunter=two",
        "s3://bucket?endpoint=http://hunter:two@host",
        "az://box?endpoint=https://me.example/?sig=hunter",
        "az://box/prefix?sv=2022&sig=hunter",
        "s3://bucket/prefix#hunter",
        "s3://bucket?region=hunter%20two",
    ],
)
def test_what_could_be_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RemoteUrl.parse(url)
    assert "environment" in str(caught.value) or "region" in url
    assert "two" not in str(caught.value)
    assert "hunter" not in str(caught.value) or "?hunter" in url  # the name of an option is repeated
