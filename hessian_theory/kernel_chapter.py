"""The tangent kernel in words: what opens its chapter of docs/theory.md, before the theorems."""

KERNEL_CHAPTER = r"""
The laws above say how the largest eigenvalue of G changes with P, from something that must be
measured of both models: losses, blocks, alignments. This chapter gives the eigenvalues
themselves, from the data and the circuit's encodings.

**Setting.** One patch's circuit is psi(x) = C R V2(x) B R V1(x) A |0>: data-free blocks A, B, C
of d layers, with encodings V1, V2 (products of one rotation a qubit) and CZ rings R between them.
Output f_k is the expectation of a Pauli operator O_k; D = 2^n. For two samples x, x' and an
encoding e let W = V_e(x)^+ V_e(x'). A qubit's rotation is a unit quaternion, and the traces of W
come from the inner products c of the qubits' two quaternions: tr W = D prod c
([quaternion-overlap](#quaternion-overlap)).

**Statement.** If A, B, C are independent unitary 2-designs, an angle i in any of them has

   ```math
   \mathbb{E}\,\partial_i f_k(x)\,\partial_i f_l(x') = \delta_{kl}\,v\,q(x,x'),\qquad
   v=\frac{D^2}{2(D+1)(D^2-1)},\qquad
   q=\prod_e q_e,\quad q_e=\frac{|\mathrm{tr}\,W_e|^2-1}{D^2-1},
   ```

the same for all three blocks ([tangent-kernel](#tangent-kernel)). The outputs have the same
kernel, E f_k(x) f_l(x') = delta_kl q(x, x') / (D + 1) ([output-covariance](#output-covariance)).
This holds for any values of the encodings' own angles, so differentiating in one of them gives
its slopes: E d_i f_k(x) d_i f_l(x') = delta_kl d_i d_i' q(x, x') / (D + 1), which is v again at x
= x'. With n_p angles a patch the whole kernel is v K_p(x, x') delta_kl and K_p(x, x) = n_p.

**Why.** A random block turns a pair of traceless operators into a multiple of SWAP, whatever they
were ([twirled-pair](#twirled-pair)); an encoding behind it multiplies their overlap by q_e
([encoding-between-twirls](#encoding-between-twirls)). So the states in front of the gate remember
the encodings before it, the observables behind it those after it, and together every encoding
counts once, wherever the angle is. Different Pauli operators have no overlap, hence delta_kl.

**The spectrum.** G over the angles has the non-zero spectrum of s^2 (1/N) S^(1/2) (sum_p J_p
J_p^T) S^(1/2), with S = diag(pi) - pi pi^T of the softmax outputs. Put the expected kernel in
place of the Gram matrix of slopes:

   ```math
   \lambda_j(G)\approx s^2 v\;\lambda_j
   \Bigl(\frac1N\,S^{1/2}\bigl(\textstyle\sum_p K_p\otimes 1_C\bigr)S^{1/2}\Bigr).
   ```

Nothing is fitted and no circuit is differentiated: it takes the images, the encodings' angles,
the pixel bias and pi. Since K_p(x, x) = n_p, its trace is the [trace law](#trace-law); with one
K_p at a time it gives the blocks, so the alignment A; with the outputs' own kernel it draws pi
before training (`patchlaw predict --start`). The ratio of lambda_1 at two P is the law
`tangent_kernel`.

**The circuit's own group.** Rotations about X and Y and the CZ ring commute with the spin flip T
= Y^n K (K: complex conjugation) up to a sign. The paper's blocks are therefore orthogonal (even
n) or symplectic (odd n) and never become unitary 2-designs. Outputs and generators lie in that
Lie algebra, and with eps = (-1)^n the same statement holds with

   ```math
   v=\frac{D-2\epsilon}{2(D-\epsilon)^2},\qquad
   q_e=\frac{(\mathrm{tr}\,W_e)^2-\epsilon\,\mathrm{tr}\,W_e^2}{D(D-\epsilon)},\qquad
   \mathbb{E}f_k f_l=\frac{\delta_{kl}\,q}{D-\epsilon},
   ```

proved for every group under which the algebra is irreducible
([adjoint-tangent-kernel](#adjoint-tangent-kernel), [orthogonal-blocks](#orthogonal-blocks),
[symplectic-blocks](#symplectic-blocks)). At eight qubits v changes by 0.4 %, at four by 5 %.

**The commutator kernel.** Training moves states and observables, and the averages over whole
blocks no longer hold; the average over the generators inside a block still may. With psi(x) the
state at a block's end and O_k(x) the observable carried back to it, both of the circuit as it is,
an angle of that block has

   ```math
   \mathbb{E}\,\partial_i f_k(x)\,\partial_i f_l(x')
   =-\frac{c}{4}\,\mathrm{tr}\bigl(\Pi[O_k(x),\rho(x)]\,\Pi[O_l(x'),\rho(x')]\bigr),\qquad
   c=\frac{D}{D^2-1}\ \text{(unitary)},\quad \frac{2}{D-\epsilon}\ \text{(own group)},
   ```

rho = psi psi^+ and Pi the projection on the group's Lie algebra
([commutator-kernel](#commutator-kernel),
[commutator-kernel-of-a-group](#commutator-kernel-of-a-group)). Haar random states give the
tangent kernel back ([mean-commutator-kernel](#mean-commutator-kernel)); k and l are no longer
apart. A product with it costs as much as one with G, so it predicts nothing: it tells which of
the two averages fails, and what is left after it is what the generators of a block do not
average out.

**Limits.** Assumed, not proved: blocks of d layers are near their group's 2-designs (they are not
at d = 2 and 5), slopes are independent of pi, and N C slopes concentrate, as one circuit is not
the average over circuits. It says nothing of the pixel bias, whose slopes the patches share, nor
of R. At deep minima the first eigenvalue comes out too high. How far each of these goes on
record, with the criteria that were fixed first:
[findings-laws.md](findings-laws.md) and parts 4g to 4i of
[claims.md](claims.md#claim-4).
""".strip("\n")
