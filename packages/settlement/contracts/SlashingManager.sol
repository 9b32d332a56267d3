// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {RunRegistry} from "./RunRegistry.sol";
import {StakingRegistry} from "./StakingRegistry.sol";

/// @title Who loses how much of a stake, and why
/// @notice Two statements of one member that contradict each other are evidence that this contract checks itself: anybody
/// may bring it, and gets a share. For what no contract can check, two thirds of a run's members sign a verdict; it
/// is carried out after a time in which the accused may publish a replay proof, and members that were wrong may
/// take their signatures back.
contract SlashingManager is EIP712 {
    /// What a member says of a round: the model it announces, or the head of its ledger at a height.
    enum Kind {
        Announcement,
        Head
    }

    struct Statement {
        bytes32 run;
        Kind kind;
        /// The round of an announcement, or the height of a head.
        uint64 slot;
        /// Digest of the model or of the entry.
        bytes32 value;
    }

    struct Verdict {
        bytes32 run;
        address offender;
        /// Hash of the document that says what it did.
        bytes32 grounds;
        /// Of what the run puts at risk of the stake, in 1/10,000.
        uint16 share;
    }

    struct Case {
        Verdict verdict;
        /// Bits of the members whose signatures count, by position.
        uint256 signers;
        /// Those who have taken theirs back, which nobody can bring again.
        uint256 retracted;
        /// What the accused has published; 0 before.
        bytes32 replayProof;
        /// From when on it may be carried out, as long again as members have for an appeal.
        uint64 executableAt;
        bool isAppealed;
        bool isClosed;
    }

    bytes32 public constant STATEMENT_TYPE =
        keccak256("Statement(bytes32 run,uint8 kind,uint64 slot,bytes32 value)");
    bytes32 public constant VERDICT_TYPE =
        keccak256("Verdict(bytes32 run,address offender,bytes32 grounds,uint16 share)");
    bytes32 public constant RETRACTION_TYPE = keccak256("Retraction(bytes32 verdict,bytes32 replayProof)");
    uint256 private constant WHOLE = 10_000;
    /// More would make a report of one's own contradiction a cheap way out.
    uint256 private constant MOST_BOUNTY = 5_000;

    StakingRegistry public immutable stakes;
    RunRegistry public immutable runs;
    address payable public immutable treasury;
    /// Of the stake, for a contradiction, in 1/10,000.
    uint16 public immutable contradictionShare;
    /// Of what is taken, for whoever brings the evidence, in 1/10,000.
    uint16 public immutable bountyShare;
    /// Seconds between a verdict and its execution, and once more after an appeal.
    uint64 public immutable appealSeconds;

    /// Contradictions that were punished, by `contradictionId`.
    mapping(bytes32 id => bool) public isPunished;
    mapping(bytes32 id => Case) private _cases;
    /// What verdicts of a run have taken from a member.
    mapping(bytes32 run => mapping(address account => uint256)) public takenOf;

    event Contradiction(address indexed offender, bytes32 indexed run, Kind kind, uint64 slot, uint256 taken, address by);
    event VerdictGiven(bytes32 indexed id, bytes32 indexed run, address indexed offender, bytes32 grounds, uint16 share);
    event SignersAdded(bytes32 indexed id, uint256 signers);
    event Appealed(bytes32 indexed id, bytes32 replayProof, uint64 executableAt);
    event Retracted(bytes32 indexed id, uint256 signersLeft);
    event VerdictVoid(bytes32 indexed id);
    event VerdictExecuted(bytes32 indexed id, address indexed offender, uint256 taken);

    error BadShare();
    error UnbondingTooShort();
    error NotContradicting();
    error NotAMember(bytes32 run, address account);
    error AlreadyPunished(bytes32 id);
    error NotSignedBy(address offender);
    error NoStake(address account);
    error NoSuchCase(bytes32 id);
    error CaseClosed(bytes32 id);
    error NotAccused(address caller);
    error AppealedBefore(bytes32 id);
    error AppealOver(bytes32 id);
    error TooEarly(uint64 executableAt);
    error CaseExpired(bytes32 id);
    error RunOver(bytes32 run);
    error RunIncomplete(bytes32 run);
    error WrongProof(bytes32 replayProof);
    error NotRetractable(bytes32 id);

    constructor(
        StakingRegistry stakes_,
        RunRegistry runs_,
        address payable treasury_,
        uint16 contradictionShare_,
        uint16 bountyShare_,
        uint64 appealSeconds_
    ) EIP712("Tempered slashing", "1") {
        if (contradictionShare_ == 0 || contradictionShare_ > WHOLE || bountyShare_ > MOST_BOUNTY) revert BadShare();
        // Members need time to see what was done, and to judge it, before a stake is gone.
        if (appealSeconds_ == 0 || stakes_.unbondingSeconds() <= 2 * appealSeconds_) revert UnbondingTooShort();
        stakes = stakes_;
        runs = runs_;
        treasury = treasury_;
        contradictionShare = contradictionShare_;
        bountyShare = bountyShare_;
        appealSeconds = appealSeconds_;
    }

    /// @notice Takes a share of the stake of a member that signed both. Each pair of statements is punished once.
    /// @param bounty where the reporter's share goes
    function punishContradiction(
        address offender,
        Statement calldata first,
        bytes calldata firstSignature,
        Statement calldata second,
        bytes calldata secondSignature,
        address payable bounty
    ) external {
        if (
            first.run != second.run || first.kind != second.kind || first.slot != second.slot
                || first.value == second.value
        ) revert NotContradicting();
        bytes32 id = contradictionId(offender, first, second);
        if (isPunished[id]) revert AlreadyPunished(id);
        if (ECDSA.recover(statementHash(first), firstSignature) != offender) revert NotSignedBy(offender);
        if (ECDSA.recover(statementHash(second), secondSignature) != offender) revert NotSignedBy(offender);
        isPunished[id] = true;
        uint256 taken = _take(offender, type(uint256).max, contradictionShare, bounty, bountyShare);
        emit Contradiction(offender, first.run, first.kind, first.slot, taken, msg.sender);
    }

    /// @notice Begins a case, and keeps the stake where it is until it is over. Anybody may bring the signatures; those that
    /// come later count as well, so that nobody can leave some out for good.
    function giveVerdict(Verdict calldata verdict, bytes[] calldata signatures) external returns (bytes32 id) {
        if (verdict.share == 0 || verdict.share > WHOLE) revert BadShare();
        // Only those who have joined the run are judged by it.
        if (runs.positionOf(verdict.run, verdict.offender) == 0) revert NotAMember(verdict.run, verdict.offender);
        if (stakes.liable(verdict.offender) == 0) revert NoStake(verdict.offender);
        id = verdictHash(verdict);
        Case storage one = _cases[id];
        if (one.executableAt != 0) {
            if (one.isClosed) revert CaseClosed(id);
            one.signers |= runs.signersOf(verdict.run, id, signatures) & ~one.retracted;
            emit SignersAdded(id, _count(one.signers));
            return id;
        }
        if (!runs.isComplete(verdict.run)) revert RunIncomplete(verdict.run);
        if (block.timestamp > runs.untilOf(verdict.run) + stakes.unbondingSeconds()) revert RunOver(verdict.run);
        one.signers = runs.requireQuorum(verdict.run, id, signatures);
        one.verdict = verdict;
        _setTime(one);
        emit VerdictGiven(id, verdict.run, verdict.offender, verdict.grounds, verdict.share);
    }

    /// @notice The accused publishes the hash of a replay proof, once: members have the same time again to look at it.
    function appeal(bytes32 id, bytes32 replayProof) external {
        Case storage one = _open(id);
        if (msg.sender != one.verdict.offender) revert NotAccused(msg.sender);
        if (one.isAppealed) revert AppealedBefore(id);
        if (block.timestamp >= one.executableAt) revert AppealOver(id);
        one.isAppealed = true;
        one.replayProof = replayProof;
        _setTime(one);
        emit Appealed(id, replayProof, one.executableAt);
    }

    /// @notice Members whose own nodes find the proof right take their signatures back. With less than two thirds left the
    /// verdict is void.
    function retract(bytes32 id, bytes32 replayProof, bytes[] calldata signatures) external {
        Case storage one = _open(id);
        if (!one.isAppealed) revert NotRetractable(id);
        if (replayProof != one.replayProof) revert WrongProof(replayProof);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(RETRACTION_TYPE, id, replayProof)));
        one.retracted |= runs.signersOf(one.verdict.run, digest, signatures);
        one.signers &= ~one.retracted;
        uint256 left = _count(one.signers);
        emit Retracted(id, left);
        if (left >= runs.quorumOf(one.verdict.run)) return;
        one.isClosed = true;
        emit VerdictVoid(id);
    }

    /// @notice Carries a verdict out once its time is over, and not much later. Anybody may call it.
    function execute(bytes32 id) external {
        Case storage one = _open(id);
        if (block.timestamp < one.executableAt) revert TooEarly(one.executableAt);
        if (block.timestamp > one.executableAt + appealSeconds) revert CaseExpired(id);
        one.isClosed = true;
        Verdict storage verdict = one.verdict;
        uint256 left = runs.atRiskOf(verdict.run) - takenOf[verdict.run][verdict.offender];
        uint256 taken = _take(verdict.offender, left, verdict.share, treasury, 0);
        takenOf[verdict.run][verdict.offender] += taken;
        emit VerdictExecuted(id, verdict.offender, taken);
    }

    function caseOf(bytes32 id) external view returns (Case memory) {
        return _cases[id];
    }

    function contradictionId(address offender, Statement calldata one, Statement calldata other)
        public
        pure
        returns (bytes32)
    {
        (bytes32 low, bytes32 high) = one.value < other.value ? (one.value, other.value) : (other.value, one.value);
        return keccak256(abi.encode(offender, one.run, one.kind, one.slot, low, high));
    }

    /// @notice What a member signs, EIP-712: it holds for this contract on this chain alone.
    function statementHash(Statement calldata one) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(STATEMENT_TYPE, one.run, one.kind, one.slot, one.value)));
    }

    function verdictHash(Verdict calldata one) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VERDICT_TYPE, one.run, one.offender, one.grounds, one.share)));
    }

    function _open(bytes32 id) private view returns (Case storage one) {
        one = _cases[id];
        if (one.executableAt == 0) revert NoSuchCase(id);
        if (one.isClosed) revert CaseClosed(id);
    }

    /// @dev The stake is held until the case has expired.
    function _setTime(Case storage one) private {
        one.executableAt = uint64(block.timestamp) + appealSeconds;
        stakes.hold(one.verdict.offender, one.executableAt + appealSeconds + 1);
    }

    /// @param most what may be taken at most
    function _take(address offender, uint256 most, uint256 share, address payable reporter, uint256 reward)
        private
        returns (uint256 taken)
    {
        uint256 liable = stakes.liable(offender);
        if (liable > most) liable = most;
        if (liable == 0) revert NoStake(offender);
        // Rounded up, so that no stake is too small to be lost.
        taken = (liable * share + WHOLE - 1) / WHOLE;
        uint256 bounty = (taken * reward) / WHOLE;
        address payable[] memory receivers = new address payable[](bounty == 0 ? 1 : 2);
        uint256[] memory amounts = new uint256[](receivers.length);
        receivers[0] = treasury;
        amounts[0] = taken - bounty;
        if (bounty != 0) {
            receivers[1] = reporter;
            amounts[1] = bounty;
        }
        stakes.slash(offender, receivers, amounts);
    }

    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) count++;
    }
}
