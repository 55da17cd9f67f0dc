// What mpsharp is measured against: loops of MPFR calls, for ctypes.
//
// "temporary": a fresh number for every product, as an expression acc += x * y of an operator
// overloading library makes it. "plain": one product reused.

#include <mpfr.h>

#include <cstdint>
#include <vector>

namespace {

struct Problem {
  long n, d;
  mpfr_prec_t bits;
  std::vector<__mpfr_struct> X, y, u, s, z, g;
  mpfr_t v, h;
};

std::vector<__mpfr_struct> numbers(long count, mpfr_prec_t bits) {
  std::vector<__mpfr_struct> out(static_cast<std::size_t>(count));
  for (auto& x : out) {
    mpfr_init2(&x, bits);
    mpfr_set_zero(&x, 1);
  }
  return out;
}

template <bool temporary>
void multiply_add(mpfr_ptr acc, mpfr_srcptr a, mpfr_srcptr b, mpfr_ptr scratch) {
  if constexpr (temporary) {
    mpfr_t product;
    mpfr_init2(product, mpfr_get_prec(acc));
    mpfr_mul(product, a, b, MPFR_RNDN);
    mpfr_add(acc, acc, product, MPFR_RNDN);
    mpfr_clear(product);
  } else {
    mpfr_mul(scratch, a, b, MPFR_RNDN);
    mpfr_add(acc, acc, scratch, MPFR_RNDN);
  }
}

template <bool temporary>
void matvec(Problem& p) {
  mpfr_t scratch;
  mpfr_init2(scratch, p.bits);
  for (long i = 0; i < p.n; ++i) {
    mpfr_set_zero(&p.s[i], 1);
    for (long j = 0; j < p.d; ++j) {
      multiply_add<temporary>(&p.s[i], &p.X[i * p.d + j], &p.u[j], scratch);
    }
  }
  mpfr_clear(scratch);
}

}  // namespace

extern "C" {

// values: X row-major, y, u, v as double; u is then filled up with the bits of u_low * 2^-53.
void* loop_new(long n, long d, long bits, const double* values, const double* u_low,
               double step_size) {
  auto* p = new Problem{n,
                        d,
                        bits,
                        numbers(n * d, bits),
                        numbers(n, bits),
                        numbers(d, bits),
                        numbers(n, bits),
                        numbers(n, bits),
                        numbers(d, bits),
                        {},
                        {}};
  mpfr_init2(p->v, bits);
  mpfr_init2(p->h, bits);
  const double* next = values;
  for (auto& x : p->X) mpfr_set_d(&x, *next++, MPFR_RNDN);
  for (auto& x : p->y) mpfr_set_d(&x, *next++, MPFR_RNDN);
  mpfr_t low;
  mpfr_init2(low, 53);
  for (long j = 0; j < d; ++j) {
    mpfr_set_d(&p->u[j], *next++, MPFR_RNDN);
    mpfr_set_d(low, u_low[j], MPFR_RNDN);
    for (int k = 1; k * 53 < bits; ++k) {  // the same low word again and again: dense significands
      mpfr_div_2ui(low, low, 53, MPFR_RNDN);
      mpfr_add(&p->u[j], &p->u[j], low, MPFR_RNDN);
    }
  }
  mpfr_clear(low);
  mpfr_set_d(p->v, *next++, MPFR_RNDN);
  mpfr_set_d(p->h, step_size, MPFR_RNDN);
  mpfr_div_ui(p->h, p->h, static_cast<unsigned long>(n), MPFR_RNDN);
  return p;
}

void loop_matvec(void* handle, int temporary) {
  auto& p = *static_cast<Problem*>(handle);
  temporary ? matvec<true>(p) : matvec<false>(p);
}

// One step of gradient descent of the minimalist model, depth 2, in the "temporary" style.
void loop_step(void* handle) {
  auto& p = *static_cast<Problem*>(handle);
  matvec<true>(p);
  mpfr_t q, t, factor;
  mpfr_inits2(p.bits, q, t, factor, nullptr);
  mpfr_set_zero(q, 1);
  for (auto& x : p.g) mpfr_set_zero(&x, 1);
  for (long i = 0; i < p.n; ++i) {
    mpfr_mul(&p.z[i], p.v, &p.s[i], MPFR_RNDN);
    mpfr_sub(&p.z[i], &p.z[i], &p.y[i], MPFR_RNDN);
    multiply_add<true>(q, &p.s[i], &p.z[i], t);
    for (long j = 0; j < p.d; ++j) {
      multiply_add<true>(&p.g[j], &p.X[i * p.d + j], &p.z[i], t);
    }
  }
  mpfr_mul(factor, p.h, p.v, MPFR_RNDN);
  for (long j = 0; j < p.d; ++j) {
    mpfr_mul(t, factor, &p.g[j], MPFR_RNDN);
    mpfr_sub(&p.u[j], &p.u[j], t, MPFR_RNDN);
  }
  mpfr_mul(t, p.h, q, MPFR_RNDN);
  mpfr_sub(p.v, p.v, t, MPFR_RNDN);
  mpfr_clears(q, t, factor, nullptr);
}

// The number as text that keeps every bit: which = 's' or 'u'.
void loop_number(void* handle, char which, long index, char* out, long size) {
  auto& p = *static_cast<Problem*>(handle);
  mpfr_snprintf(out, static_cast<std::size_t>(size), "%Ra",
                which == 's' ? &p.s[index] : &p.u[index]);
}

void loop_free(void* handle) {
  auto* p = static_cast<Problem*>(handle);
  for (auto* list : {&p->X, &p->y, &p->u, &p->s, &p->z, &p->g}) {
    for (auto& x : *list) mpfr_clear(&x);
  }
  mpfr_clear(p->v);
  mpfr_clear(p->h);
  delete p;
}
}
